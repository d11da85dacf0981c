#include "server/base/clock.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"

namespace tributary::testing {
namespace {

TEST(ForwardClock, ShowsWhatItsClockShowsAndNeverGoesBack) {
  FakeClock clock(1000);
  const ForwardClock forward(clock, 0);
  EXPECT_EQ(forward.NowMicros(), 1000);
  clock.Advance(-500);
  EXPECT_EQ(forward.NowMicros(), 1000);
  clock.Advance(501);
  EXPECT_EQ(forward.NowMicros(), 1001);
}

TEST(ForwardClock, BeginsNoEarlierThanItIsTold) {
  FakeClock clock(1000);
  EXPECT_EQ(ForwardClock(clock, 5000).NowMicros(), 5000);
}

TEST(ForwardClock, GoesForwardForEveryThread) {
  FakeClock clock(0);
  const ForwardClock forward(clock, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t last = 0, n = 0; n < 10'000; ++n) {
        clock.Set(n * (i + 1) % 5000);
        const int64_t now = forward.NowMicros();
        EXPECT_GE(now, last);
        last = now;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tributary::testing
