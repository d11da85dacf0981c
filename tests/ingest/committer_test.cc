#include "server/ingest/committer.h"

#include <atomic>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/ingest/gated_store.h"
#include "tests/store/deliveries.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;

using Answered = absl::StatusOr<Outcome>;

class CommitterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(sqlite_, OpenSqliteStore(SqliteFile(), clock_));
    store_ = std::make_unique<GatedStore>(*sqlite_);
  }
  void TearDown() override { store_->Release(); }

  SqliteOptions SqliteFile() const {
    SqliteOptions options;
    options.path = dir_.File("t.db");
    return options;
  }

  // A delivery that says of resource `id` what no other says.
  static Delivery Of(const std::string& id) { return Updated(id).At(10).State("x").WithKey(id); }

  std::future<Answered> Submit(Committer& committer, Delivery delivery) {
    auto promise = std::make_shared<std::promise<Answered>>();
    std::future<Answered> answer = promise->get_future();
    const absl::Status taken = committer.Submit(
        std::move(delivery), [promise](const Answered& outcome) { promise->set_value(outcome); });
    if (!taken.ok()) promise->set_value(taken);
    return answer;
  }

  static bool IsReady(const std::future<Answered>& answer) {
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> sqlite_;
  std::unique_ptr<GatedStore> store_;
};

constexpr auto kNowhere = [](const Committed&) {};

TEST_F(CommitterTest, AnswersOnlyAfterTheBatchIsDurable) {
  store_->Hold();
  Committer committer(*store_, kNowhere);
  std::future<Answered> answer = Submit(committer, Of("a"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  EXPECT_FALSE(IsReady(answer));
  store_->Release();
  const Answered outcome = answer.get();
  TRIBUTARY_ASSERT_OK(outcome);
  EXPECT_EQ(outcome->verdict, Verdict::kApplied);
  EXPECT_EQ(outcome->revision, 1);
}

TEST_F(CommitterTest, WhatWaitsIsCommittedAsOneBatch) {
  store_->Hold();
  Committer committer(*store_, kNowhere);
  std::vector<std::future<Answered>> answers;
  answers.push_back(Submit(committer, Of("first")));
  ASSERT_TRUE(store_->WaitForCommits(1));
  for (int i = 0; i < 20; ++i) answers.push_back(Submit(committer, Of(std::to_string(i))));
  store_->Release();
  for (auto& answer : answers) EXPECT_THAT(answer.get(), IsOk());
  EXPECT_THAT(store_->batches(), ElementsAre(1, 20));
}

TEST_F(CommitterTest, EachBatchMayBeBroughtUpToDateRightBeforeItIsCommitted) {
  store_->Hold();
  std::vector<size_t> prepared;
  Committer committer(*store_, kNowhere, {}, [&](std::span<Delivery> batch) {
    prepared.push_back(batch.size());
    for (Delivery& delivery : batch) delivery.mutations.front().state = "prepared";
  });
  std::vector<std::future<Answered>> answers;
  answers.push_back(Submit(committer, Of("first")));
  ASSERT_TRUE(store_->WaitForCommits(1));
  for (int i = 0; i < 3; ++i) answers.push_back(Submit(committer, Of(std::to_string(i))));
  store_->Release();
  for (auto& answer : answers) EXPECT_THAT(answer.get(), IsOk());
  EXPECT_THAT(prepared, ElementsAre(1, 3));
  EXPECT_EQ(sqlite_->Get(KeyOf("2"), false)->value().state, "prepared");
}

TEST_F(CommitterTest, ALongQueueIsCommittedInPieces) {
  store_->Hold();
  Committer committer(*store_, kNowhere);
  std::vector<std::future<Answered>> answers;
  answers.push_back(Submit(committer, Of("first")));
  ASSERT_TRUE(store_->WaitForCommits(1));
  for (int i = 0; i < 2500; ++i) answers.push_back(Submit(committer, Of(std::to_string(i))));
  store_->Release();
  for (auto& answer : answers) EXPECT_THAT(answer.get(), IsOk());
  EXPECT_THAT(store_->batches(), ElementsAre(1, 1024, 1024, 452));
}

TEST_F(CommitterTest, CountsWhatBecameOfEachDeliveryAndWhatWaits) {
  store_->Hold();
  Committer committer(*store_, kNowhere);
  auto first = Submit(committer, Of("first"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  auto applied = Submit(committer, Of("a"));
  auto duplicate = Submit(committer, Of("a"));
  EXPECT_EQ(committer.queue().deliveries, 2u);
  EXPECT_GT(committer.queue().bytes, 0u);
  store_->Release();
  for (auto* answer : {&first, &applied, &duplicate}) TRIBUTARY_EXPECT_OK(answer->get());
  EXPECT_EQ(committer.queue().deliveries, 0u);
  EXPECT_EQ(committer.queue().bytes, 0u);

  const CommitterMetrics& metrics = committer.metrics();
  const auto counted = [&](Verdict verdict) {
    return metrics.deliveries[static_cast<size_t>(verdict) - 1].value();
  };
  EXPECT_EQ(counted(Verdict::kApplied), 2u);
  EXPECT_EQ(counted(Verdict::kDuplicate), 1u);
  EXPECT_EQ(counted(Verdict::kRejected), 0u);
  EXPECT_EQ(metrics.batch.InBucket(0), 1u) << "of one delivery";
  EXPECT_EQ(metrics.batch.InBucket(1), 1u) << "of two";
  EXPECT_EQ(metrics.batch.sum(), 3u);
  EXPECT_GT(metrics.commit.sum(), 0u);
  EXPECT_GE(metrics.acknowledged.sum(), metrics.commit.sum()) << "each waited for its commit";
}

TEST_F(CommitterTest, CountsWhatTheStoreCouldNotCommit) {
  Committer committer(*store_, kNowhere);
  store_->FailNext(absl::UnavailableError("the disk is full"));
  EXPECT_FALSE(Submit(committer, Of("a")).get().ok());
  EXPECT_EQ(committer.metrics().failed.value(), 1u);
  EXPECT_EQ(committer.metrics().batch.sum(), 0u);
}

TEST_F(CommitterTest, EachDeliveryGetsItsOwnOutcome) {
  store_->Hold();
  Committer committer(*store_, kNowhere);
  auto first = Submit(committer, Of("first"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  auto applied = Submit(committer, Of("a"));
  auto duplicate = Submit(committer, Of("a"));
  auto superseded = Submit(committer, Updated("a").At(5).State("old").WithKey("other"));
  store_->Release();
  EXPECT_EQ(first.get()->revision, 1);
  EXPECT_EQ(applied.get()->verdict, Verdict::kApplied);
  EXPECT_EQ(duplicate.get()->verdict, Verdict::kDuplicate);
  EXPECT_EQ(superseded.get()->verdict, Verdict::kSuperseded);
}

TEST_F(CommitterTest, PublishesBeforeItAnswers) {
  std::atomic<size_t> published = 0;
  Committer committer(*store_,
                      [&](const Committed& committed) { published += committed.changes.size(); });
  std::promise<size_t> seen;
  TRIBUTARY_ASSERT_OK(
      committer.Submit(Of("a"), [&](const Answered&) { seen.set_value(published.load()); }));
  EXPECT_EQ(seen.get_future().get(), 1u);
}

TEST_F(CommitterTest, AFullQueueRefusesWithATimeToRetry) {
  store_->Hold();
  Committer committer(*store_, kNowhere, {.deliveries_max = 2});
  auto committing = Submit(committer, Of("a"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  auto second = Submit(committer, Of("b"));
  auto third = Submit(committer, Of("c"));
  bool answered = false;
  const absl::Status refused = committer.Submit(Of("d"), [&](const Answered&) { answered = true; });
  EXPECT_THAT(refused,
              AllOf(StatusIs(absl::StatusCode::kUnavailable), HasReason(reason::kOverloaded)));
  EXPECT_TRUE(DetailOf(refused).retry_after_ms.has_value());
  store_->Release();
  EXPECT_THAT(committing.get(), IsOk());
  EXPECT_THAT(second.get(), IsOk());
  EXPECT_THAT(third.get(), IsOk());
  committer.Shutdown();
  EXPECT_FALSE(answered);
}

TEST_F(CommitterTest, BytesFillTheQueueTooButOneDeliveryAlwaysFits) {
  store_->Hold();
  Committer committer(*store_, kNowhere, {.bytes_max = 10'000});
  auto committing = Submit(committer, Of("a"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  auto large = Submit(committer, Updated("b").At(1).State(std::string(50'000, 'x')));
  EXPECT_FALSE(IsReady(large));
  EXPECT_THAT(committer.Submit(Of("c"), [](const Answered&) {}), HasReason(reason::kOverloaded));
  store_->Release();
  EXPECT_THAT(large.get(), IsOk());
}

TEST_F(CommitterTest, WhoCanWaitFillsHalfOfTheQueueAndIsToldOfRoom) {
  store_->Hold();
  Committer committer(*store_, kNowhere, {.deliveries_max = 4});
  auto committing = Submit(committer, Of("a"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  std::promise<void> room;
  std::atomic<int> told = 0;
  const auto offer = [&](Delivery& delivery) {
    return committer.Offer(
        delivery, [](const Answered&) {},
        [&] {
          if (++told == 1) room.set_value();
        });
  };
  for (const char* id : {"b", "c"}) {
    Delivery delivery = Of(id);
    EXPECT_THAT(offer(delivery), IsOkAndHolds(true));
  }
  Delivery third = Of("d");
  EXPECT_THAT(offer(third), IsOkAndHolds(false));
  EXPECT_EQ(third.resource_id, "d") << "it is left as it is";
  EXPECT_EQ(told, 0);
  auto webhook = Submit(committer, Of("w"));  // has the other half
  store_->Release();
  EXPECT_THAT(webhook.get(), IsOk());
  room.get_future().wait();
  EXPECT_THAT(offer(third), IsOkAndHolds(true));
  committer.Shutdown();
  EXPECT_EQ(told, 1);
}

TEST_F(CommitterTest, WhoWaitsForRoomIsToldOfTheEnd) {
  store_->Hold();
  Committer committer(*store_, kNowhere, {.deliveries_max = 2});
  auto committing = Submit(committer, Of("a"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  auto queued = Submit(committer, Of("b"));
  std::promise<void> room;
  Delivery waiting = Of("c");
  EXPECT_THAT(committer.Offer(
                  waiting, [](const Answered&) {}, [&] { room.set_value(); }),
              IsOkAndHolds(false));
  std::thread stopping([&] { committer.Shutdown(); });
  store_->Release();
  room.get_future().wait();
  stopping.join();
  EXPECT_THAT(committer
                  .Offer(
                      waiting, [](const Answered&) {}, [] {})
                  .status(),
              HasReason(reason::kServerDraining));
}

TEST_F(CommitterTest, AFailedCommitAnswersAllOfTheBatchAndNeitherLosesNorDoublesOnRetry) {
  std::atomic<size_t> published = 0;
  store_->Hold();
  Committer committer(*store_,
                      [&](const Committed& committed) { published += committed.changes.size(); });
  auto first = Submit(committer, Of("first"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  store_->FailNext(
      MakeError(absl::StatusCode::kUnavailable, "disk full", reason::kStoreUnavailable));
  store_->Release();
  EXPECT_THAT(first.get(), HasReason(reason::kStoreUnavailable));
  EXPECT_EQ(published, 0u);
  EXPECT_EQ(Submit(committer, Of("first")).get()->verdict, Verdict::kApplied);
  EXPECT_EQ(Submit(committer, Of("first")).get()->verdict, Verdict::kDuplicate);
  EXPECT_EQ(sqlite_->GetHead()->revision, 1);
  EXPECT_EQ(published, 1u);
}

TEST_F(CommitterTest, ADamagedRowFailsOnlyTheDeliveryThatTouchesIt) {
  store_->Hold();
  Committer committer(*store_, kNowhere);
  auto first = Submit(committer, Of("first"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  auto second = Submit(committer, Of("second"));
  auto third = Submit(committer, Of("third"));
  store_->FailIfHolding(
      "second", MakeError(absl::StatusCode::kDataLoss, "damaged", reason::kStoredDataCorrupt));
  store_->Release();
  EXPECT_THAT(first.get(), IsOk());
  EXPECT_THAT(second.get(), HasReason(reason::kStoredDataCorrupt));
  EXPECT_THAT(third.get(), IsOk());
}

TEST_F(CommitterTest, ShutdownCommitsWhatIsQueuedAndRefusesTheRest) {
  store_->Hold();
  Committer committer(*store_, kNowhere);
  auto first = Submit(committer, Of("a"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  auto second = Submit(committer, Of("b"));
  std::thread stopping([&] { committer.Shutdown(); });
  absl::Status late;
  do {
    late = committer.Submit(Of("late"), [](const Answered&) {});
    std::this_thread::yield();
  } while (DetailOf(late).reason != reason::kServerDraining);
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kUnavailable));
  store_->Release();
  stopping.join();
  EXPECT_THAT(first.get(), IsOk());
  EXPECT_THAT(second.get(), IsOk());
}

TEST_F(CommitterTest, ManySendersLoseNothing) {
  constexpr int kSenders = 8;
  constexpr int kEach = 200;
  std::atomic<int> applied = 0;
  {
    Committer committer(*store_, kNowhere);
    std::vector<std::thread> senders;
    for (int sender = 0; sender < kSenders; ++sender) {
      senders.emplace_back([&, sender] {
        for (int i = 0; i < kEach; ++i) {
          const Answered outcome =
              Submit(committer, Of(std::to_string(sender) + "-" + std::to_string(i))).get();
          if (outcome.ok() && outcome->verdict == Verdict::kApplied) ++applied;
        }
      });
    }
    for (std::thread& sender : senders) sender.join();
  }
  EXPECT_EQ(applied, kSenders * kEach);
  EXPECT_EQ(sqlite_->GetHead()->revision, kSenders * kEach);
}

}  // namespace
}  // namespace tributary::testing
