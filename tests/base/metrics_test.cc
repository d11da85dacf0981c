#include "server/base/metrics.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace tributary {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(HistogramTest, ABoundBelongsToItsBucketAndWhatIsBeyondAllToTheLast) {
  Histogram sizes(Histogram::kSizes);
  for (const uint64_t size : {0, 1, 2, 3, 4, 1024, 1025}) sizes.Observe(size);
  EXPECT_EQ(sizes.InBucket(0), 2u);   // 0, 1
  EXPECT_EQ(sizes.InBucket(1), 1u);   // 2
  EXPECT_EQ(sizes.InBucket(2), 2u);   // 3, 4
  EXPECT_EQ(sizes.InBucket(10), 1u);  // 1024
  EXPECT_EQ(sizes.InBucket(11), 1u);  // beyond
  EXPECT_EQ(sizes.sum(), 2059u);
}

TEST(HistogramTest, DurationsAreNanosecondsAndNeverNegative) {
  Histogram durations(Histogram::kSeconds);
  durations.Observe(nanoseconds(-5));
  durations.Observe(microseconds(50));
  durations.Observe(microseconds(51));
  durations.Observe(seconds(11));
  EXPECT_EQ(durations.InBucket(0), 2u);
  EXPECT_EQ(durations.InBucket(1), 1u);
  EXPECT_EQ(durations.InBucket(Histogram::kSeconds.bounds.size()), 1u);
  EXPECT_EQ(durations.sum(), 11'000'101'000u);
}

TEST(MetricsTest, NothingIsLostWhenManyCountAtOnce) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kEach = 20'000;
  Counter counter;
  Histogram sizes(Histogram::kSizes);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (uint64_t n = 0; n < kEach; ++n) {
        counter.Add();
        sizes.Observe(n % 2 + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), kThreads * kEach);
  EXPECT_EQ(sizes.InBucket(0), kThreads * kEach / 2);
  EXPECT_EQ(sizes.InBucket(1), kThreads * kEach / 2);
  EXPECT_EQ(sizes.sum(), kThreads * kEach * 3 / 2);
}

}  // namespace
}  // namespace tributary
