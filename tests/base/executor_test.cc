#include "server/base/executor.h"

#include <atomic>
#include <functional>
#include <future>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace tributary {
namespace {

TEST(Executor, RunsWorkInTheOrderItWasGiven) {
  std::vector<int> order;
  {
    Executor executor(1);
    for (int i = 0; i < 100; ++i) executor.Post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(Executor, TakesManyAtOnceInTheirOrder) {
  std::vector<int> order;
  {
    Executor executor(1);
    std::vector<std::function<void()>> all;
    for (int i = 0; i < 100; ++i) all.emplace_back([&order, i] { order.push_back(i); });
    executor.PostAll(std::move(all));
    executor.PostAll({});
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(Executor, RunsAsManyAtOnceAsItHasThreads) {
  std::promise<void> first;
  std::promise<void> second;
  Executor executor(2);
  // Each waits for the other: with one thread neither would end.
  executor.Post([&] {
    first.set_value();
    second.get_future().wait();
  });
  executor.Post([&] {
    second.set_value();
    first.get_future().wait();
  });
}

TEST(Executor, RunsWhatIsQueuedBeforeItGoes) {
  std::atomic<int> ran = 0;
  {
    Executor executor(2);
    for (int i = 0; i < 1000; ++i) {
      executor.Post([&] {
        if (++ran == 500) executor.Post([&] { ++ran; });
      });
    }
  }
  EXPECT_EQ(ran, 1001);
}

}  // namespace
}  // namespace tributary
