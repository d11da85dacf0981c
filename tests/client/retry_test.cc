#include "client/retry.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;

class RetryTest : public ::testing::Test {
 protected:
  RetryTest() {
    pacing_.now = [this] { return now_; };
    pacing_.sleep = [this](absl::Duration wait, const absl::Notification&) {
      waits_.push_back(wait);
      now_ += wait;
    };
    pacing_.jitter = [this] { return jitter_; };
  }

  // Calls with failures as given, and OK after the last of them.
  absl::Status Call(std::vector<absl::Status> failures,
                    absl::Duration timeout = absl::Seconds(10)) {
    return CallWithRetries(timeout, 4, {}, pacing_, [&](absl::Duration left) {
      left_.push_back(left);
      const size_t attempt = left_.size() - 1;
      return attempt < failures.size() ? failures[attempt] : absl::OkStatus();
    });
  }

  Pacing pacing_;
  absl::Time now_ = absl::UnixEpoch();
  double jitter_ = 1;
  std::vector<absl::Duration> waits_;
  std::vector<absl::Duration> left_;
};

const absl::Status kAway = absl::UnavailableError("away");

TEST_F(RetryTest, TriesAgainWhileTheServerIsAway) {
  EXPECT_TRUE(Call({kAway, kAway}).ok());
  EXPECT_THAT(waits_, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200)));
}

TEST_F(RetryTest, EachAttemptHasTheTimeThatIsLeft) {
  EXPECT_TRUE(Call({kAway}, absl::Seconds(1)).ok());
  EXPECT_THAT(left_, ElementsAre(absl::Seconds(1), absl::Milliseconds(900)));
}

TEST_F(RetryTest, StopsAfterTheLastAttempt) {
  EXPECT_EQ(Call({kAway, kAway, kAway, kAway, kAway}), kAway);
  EXPECT_EQ(left_.size(), 4u);
}

TEST_F(RetryTest, DoesNotWaitPastTheDeadline) {
  EXPECT_EQ(Call({kAway, kAway, kAway}, absl::Milliseconds(250)), kAway);
  EXPECT_THAT(waits_, ElementsAre(absl::Milliseconds(100)));
}

TEST_F(RetryTest, DoesNotRepeatWhatWasAnswered) {
  const absl::Status no = absl::NotFoundError("no");
  EXPECT_EQ(Call({no}), no);
  const absl::Status late = absl::DeadlineExceededError("late");
  left_.clear();
  EXPECT_EQ(Call({late}), late);
}

TEST_F(RetryTest, WaitsAreSpreadOverHalfOfTheirStep) {
  jitter_ = 0;
  Backoff backoff({}, pacing_.jitter);
  EXPECT_EQ(backoff.Next(std::nullopt), absl::Milliseconds(50));
  jitter_ = 0.5;
  EXPECT_EQ(backoff.Next(std::nullopt), absl::Milliseconds(150));
}

TEST_F(RetryTest, WaitsStopGrowing) {
  Backoff backoff({.max = absl::Seconds(1)}, pacing_.jitter);
  for (int i = 0; i < 10; ++i) backoff.Next(std::nullopt);
  EXPECT_EQ(backoff.Next(std::nullopt), absl::Seconds(1));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(std::nullopt), absl::Milliseconds(100));
}

TEST_F(RetryTest, WaitsAtLeastAsLongAsTheServerAsks) {
  Backoff backoff({}, pacing_.jitter);
  EXPECT_EQ(backoff.Next(absl::Seconds(3)), absl::Seconds(3));
  EXPECT_EQ(backoff.Next(absl::Milliseconds(1)), absl::Milliseconds(200));
}

}  // namespace
}  // namespace tributary
