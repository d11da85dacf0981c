#include "client/resumable_watch.h"

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::SizeIs;

// A request is where to begin, an event a position: neither gRPC nor protobuf.
struct ToyRequest {
  int after = 0;
};

// What one stream does: brings the events, then ends with the status.
struct Script {
  std::vector<int> events;
  absl::Status status = absl::UnavailableError("gone");
};

class ToyStream final : public EventStream<int> {
 public:
  explicit ToyStream(Script script) : script_(std::move(script)) {}

  bool Read(int* event) override {
    if (next_ == script_.events.size()) return false;
    *event = script_.events[next_++];
    return true;
  }
  absl::Status Finish() override { return script_.status; }
  void Cancel() override { script_ = {{}, absl::CancelledError("cancelled")}, next_ = 0; }

 private:
  Script script_;
  size_t next_ = 0;
};

class ResumableWatchTest : public ::testing::Test {
 protected:
  using Watch = ResumableWatch<ToyRequest, int>;

  // Opens the scripts one after the other; after the last one nothing but refusals.
  std::unique_ptr<Watch> Start(std::deque<Script> scripts, WatchPatience patience = {}) {
    scripts_ = std::move(scripts);
    Pacing pacing;
    pacing.now = [this] { return now_; };
    pacing.sleep = [this](absl::Duration wait, const absl::Notification&) {
      waits_.push_back(wait);
      now_ += wait;
      if (on_sleep_ != nullptr) on_sleep_();
    };
    pacing.jitter = [] { return 1.0; };
    return std::make_unique<Watch>(
        ToyRequest{},
        [this](const ToyRequest& request) {
          opened_at_.push_back(request.after);
          if (scripts_.empty()) return std::make_shared<ToyStream>(Script{});
          auto stream = std::make_shared<ToyStream>(std::move(scripts_.front()));
          scripts_.pop_front();
          return stream;
        },
        [](int event, ToyRequest& request) { return std::exchange(request.after, event) != event; },
        patience,
        [this](const absl::Status& status, absl::Duration) { retried_.push_back(status); },
        std::move(pacing));
  }

  static std::vector<int> Drain(Watch& watch) {
    std::vector<int> events;
    while (const std::optional<int> event = watch.Next()) events.push_back(*event);
    return events;
  }

  const absl::Status end_ = absl::InvalidArgumentError("the end of the test");
  absl::Time now_ = absl::UnixEpoch();
  std::deque<Script> scripts_;
  std::vector<int> opened_at_;
  std::vector<absl::Duration> waits_;
  std::vector<absl::Status> retried_;
  std::function<void()> on_sleep_;
};

TEST_F(ResumableWatchTest, GoesOnAfterTheLastEventWhenAStreamBreaks) {
  const auto watch = Start({{{1, 2}}, {{3}}, {{4, 5}, end_}});
  EXPECT_THAT(Drain(*watch), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(opened_at_, ElementsAre(0, 2, 3));
  EXPECT_EQ(watch->status(), end_);
  EXPECT_EQ(watch->request().after, 5);
}

TEST_F(ResumableWatchTest, BringsWhatOneUnbrokenStreamWouldHaveHoweverStreamsBreak) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::deque<Script> scripts;
  std::vector<int> all;
  for (int event = 0; event < 500;) {
    Script script;
    for (int n = static_cast<int>(random() % 5); n > 0; --n) script.events.push_back(++event);
    all.insert(all.end(), script.events.begin(), script.events.end());
    const absl::Status ends[] = {absl::UnavailableError("away"), absl::UnknownError("reset"),
                                 absl::CancelledError("by a proxy"), absl::OkStatus()};
    script.status = ends[random() % 4];
    scripts.push_back(std::move(script));
  }
  scripts.push_back({{}, end_});
  const auto watch = Start(std::move(scripts));
  EXPECT_EQ(Drain(*watch), all);
  for (size_t i = 1; i < opened_at_.size(); ++i) EXPECT_THAT(opened_at_[i], Ge(opened_at_[i - 1]));
}

TEST_F(ResumableWatchTest, EndsAtOnceWhenNoRetryCanMendIt) {
  for (const auto code : {absl::StatusCode::kInvalidArgument, absl::StatusCode::kOutOfRange,
                          absl::StatusCode::kUnimplemented, absl::StatusCode::kPermissionDenied}) {
    waits_.clear();
    const auto watch = Start({{{1}, absl::Status(code, "no")}});
    EXPECT_THAT(Drain(*watch), ElementsAre(1));
    EXPECT_EQ(watch->status().code(), code);
    EXPECT_THAT(waits_, SizeIs(0));
  }
}

TEST_F(ResumableWatchTest, TheEndThatWasAgreedOnIsTheEnd) {
  const auto watch = Start({{{1}, absl::OkStatus()}}, {.ok_is_the_end = true});
  EXPECT_THAT(Drain(*watch), ElementsAre(1));
  EXPECT_TRUE(watch->status().ok());
}

TEST_F(ResumableWatchTest, AnEndThatWasNotAgreedOnIsAFailureLikeAnother) {
  const auto watch = Start({{{1}, absl::OkStatus()}, {{2}, end_}});
  EXPECT_THAT(Drain(*watch), ElementsAre(1, 2));
  EXPECT_THAT(retried_, SizeIs(1));
}

TEST_F(ResumableWatchTest, WaitsLongerFromFailureToFailureAndBrieflyAgainAfterProgress) {
  const auto watch = Start({{}, {}, {}, {{1}}, {{}, end_}});
  Drain(*watch);
  EXPECT_THAT(waits_, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                                  absl::Milliseconds(400), absl::Milliseconds(100)));
}

TEST_F(ResumableWatchTest, AStreamThatBringsNothingNewIsNoProgress) {
  const auto watch = Start({{{1}}, {{1}}, {{1}}, {{}, end_}});
  Drain(*watch);
  EXPECT_THAT(waits_, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                                  absl::Milliseconds(400)));
}

TEST_F(ResumableWatchTest, GivesUpAfterTheTimeWithoutProgress) {
  const auto watch = Start({{{1}}}, {.retry_for = absl::Seconds(60)});
  EXPECT_THAT(Drain(*watch), ElementsAre(1));
  EXPECT_EQ(watch->status(), absl::UnavailableError("gone"));
  absl::Duration waited;
  for (const absl::Duration wait : waits_) waited += wait;
  EXPECT_LE(waited, absl::Seconds(60));
  EXPECT_GE(waited, absl::Seconds(40));
}

TEST_F(ResumableWatchTest, GivesUpSoonerIfItNeverConnected) {
  const auto watch = Start({}, {.connect_within = absl::Milliseconds(500)});
  EXPECT_THAT(Drain(*watch), ElementsAre());
  EXPECT_EQ(watch->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(waits_, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200)));
}

TEST_F(ResumableWatchTest, CancelEndsItInTheMiddleOfAWait) {
  const auto watch = Start({{{1}}, {{2}}});
  on_sleep_ = [&] { watch->Cancel(); };
  EXPECT_THAT(Drain(*watch), ElementsAre(1));
  EXPECT_EQ(watch->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ResumableWatchTest, CancelEndsTheStreamThatIsBeingRead) {
  const auto watch = Start({{{1, 2, 3}}});
  EXPECT_EQ(watch->Next(), 1);
  watch->Cancel();
  watch->Cancel();
  EXPECT_EQ(watch->Next(), std::nullopt);
  EXPECT_EQ(watch->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ResumableWatchTest, AWatchCancelledBeforeItBeganBringsNothing) {
  const auto watch = Start({{{1, 2, 3}}});
  watch->Cancel();
  EXPECT_EQ(watch->Next(), std::nullopt);
  EXPECT_EQ(watch->status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace tributary
