// A disk that does not write what it was given. After a failed fsync the next one may report
// success for data that is not there, so nothing is acknowledged until the file was opened anew,
// and what its log holds was written once more.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/store/faulty_store.h"

namespace tributary::testing {
namespace {

using FailedFsync = FaultyStoreTest;
using File = FaultyDisk::File;

constexpr int kDeliveries = 40;

// Whatever was acknowledged must be there when the power goes at once.
TEST_F(FailedFsync, NothingIsAcknowledgedAfterItThatALossOfPowerTakes) {
  int refused = 0;
  for (const File file : {File::kLog, File::kDatabase}) {
    for (int nth = 1;; nth = NextOf(nth)) {
      SCOPED_TRACE(absl::StrCat(file == File::kLog ? "log" : "database", ", fsync ", nth));
      BeginAnew();
      Open();
      FaultyDisk::Mend();
      FaultyDisk::FailFsync(file, nth, 1 + nth % 3);
      int sent = 0;
      int after = -1;  // how many were acknowledged after the failure
      for (; sent < kDeliveries && after < nth % 4; ++sent) {
        const bool at_once = Send(sent);
        refused += at_once ? 0 : 1;
        if (!at_once) {
          SendUntilAcknowledged(sent);
          EXPECT_GT(reopened(), 0) << "acknowledged by a file in doubt";
        }
        if (!at_once || after >= 0) ++after;
      }
      ExpectShown(sent);
      const bool reached = FaultyDisk::struck();
      FaultyDisk::FailFsync(file, 0, 0);
      FaultyDisk::LosePower();
      Close();
      FaultyDisk::RestorePower(static_cast<unsigned>(nth));
      Open();
      ExpectShown(sent);
      for (int n = sent; n < sent + 5; ++n) EXPECT_TRUE(Send(n));
      ExpectStored(sent + 5);
      if (!reached || HasFailure()) break;
    }
  }
  EXPECT_GT(refused, 10);
}

TEST_F(FailedFsync, AsLongAsItFailsNothingIsAcknowledgedAndReadsGoOn) {
  options_.reopen_pause = std::chrono::milliseconds(10);
  Open();
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(Send(n));
  EXPECT_FALSE(options_.metrics->in_doubt);
  FaultyDisk::FailFsync(File::kAny, 1, 1'000'000);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Send(10));
    EXPECT_TRUE(options_.metrics->in_doubt);
    EXPECT_EQ(StateOf(IdOf(9)), StateOfNth(9));
  }
  EXPECT_GT(options_.metrics->failed_fsyncs.value(), 0u);
  FaultyDisk::FailFsync(File::kAny, 0, 0);
  SendUntilAcknowledged(10);
  EXPECT_FALSE(options_.metrics->in_doubt);
  ExpectShown(11);
  ExpectStored(11);
}

// The commit that failed is in the log all the same. It is not shown before somebody is told of it,
// and its sender's next attempt is a duplicate.
TEST_F(FailedFsync, WhatIsInTheLogThoughItsCommitFailedIsHandedOutWithTheNextOne) {
  Open();
  Commit({Updated("a").At(1).State("x").WithKey("k1")});
  const auto shown_before = store_->Changes({});
  TRIBUTARY_ASSERT_OK(shown_before);
  const std::vector<Delivery> failing = {Updated("a").At(2).State("y").WithKey("k2"),
                                         Deleted("never there").At(2).WithKey("k3"),
                                         Updated("b").At(2).State("z").WithKey("k4")};
  FaultyDisk::FailFsync(File::kLog);
  EXPECT_THAT(store_->Commit(failing), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_TRUE(AwaitReopened());
  EXPECT_EQ(store_->GetHead()->revision, 1);
  EXPECT_EQ(StateOf("a"), "x");
  EXPECT_EQ(StateOf("b"), "(absent)");
  EXPECT_EQ(store_->Changes({})->changes.size(), 1u);

  const Committed next = Commit({Updated("c").At(3).State("c"), failing[0], failing[1]});
  EXPECT_EQ(next.outcomes[0].revision, 5);
  EXPECT_EQ(next.outcomes[1].verdict, Verdict::kDuplicate);
  EXPECT_EQ(next.outcomes[1].revision, 2);
  EXPECT_EQ(next.outcomes[2].verdict, Verdict::kDuplicate);
  ASSERT_EQ(next.changes.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(next.changes[i]->revision, static_cast<int>(i) + 2);
  EXPECT_EQ(next.changes[0]->kind, ChangeKind::kUpdated);
  ASSERT_NE(next.changes[0]->before, nullptr);
  EXPECT_EQ(next.changes[0]->before->state, "x");
  EXPECT_EQ(next.changes[1]->kind, ChangeKind::kHidden);
  EXPECT_EQ(next.changes[2]->state, "z");
  EXPECT_EQ(StateOf("a"), "y");
  EXPECT_EQ(StateOf("b"), "z");
  EXPECT_EQ(Commit({Updated("c").At(4).State("c2")}).changes.size(), 1u);
}

// Holds a snapshot open while it looks at a resource.
class Stall final : public RecordFilter {
 public:
  bool Matches(const Record&, RecordLookup&) const override {
    std::unique_lock lock(mutex_);
    stalled_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return released_; });
    return true;
  }
  void AwaitStalled() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stalled_; });
  }
  void Release() const {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable bool stalled_ = false;
  mutable bool released_ = false;
};

// A checkpoint that a reader keeps from being complete copies pages without an fsync. Should that
// of the next one fail, these are given up too, and only the log still has them.
TEST_F(FailedFsync, OfACheckpointTakesNothingThatAnEarlierOneHadCopied) {
  std::mutex mutex;
  std::condition_variable changed;
  int checkpoints = 0;
  options_.fault_point = [&, count = options_.fault_point](const char* step) {
    count(step);
    if (std::strcmp(step, "checkpoint") != 0) return;
    const std::lock_guard lock(mutex);
    ++checkpoints;
    changed.notify_all();
  };
  options_.checkpoint_bytes = 512 * 1024;
  Open();
  int n = 0;
  for (; n < 20; ++n) ASSERT_TRUE(Send(n));
  const auto stall = std::make_shared<Stall>();
  std::thread reader([&] {
    RecordQuery query;
    query.filter = stall;
    TRIBUTARY_EXPECT_OK(store_->List(query));
  });
  stall->AwaitStalled();
  const int before = [&] {
    const std::lock_guard lock(mutex);
    return checkpoints;
  }();
  for (bool passed = false; !passed; ++n) {
    ASSERT_TRUE(Send(n));
    std::unique_lock lock(mutex);
    passed = checkpoints > before;
  }
  FaultyDisk::FailFsync(File::kDatabase);
  stall->Release();
  reader.join();
  for (int more = 0; more < 100 && !FaultyDisk::struck(); ++more, ++n) SendUntilAcknowledged(n);
  EXPECT_TRUE(FaultyDisk::struck());
  for (int more = 0; more < 60; ++more, ++n) SendUntilAcknowledged(n);
  EXPECT_GT(reopened(), 0);
  FaultyDisk::LosePower();
  Close();
  FaultyDisk::RestorePower();
  ExpectStored(n);
}

// The next process finds a log that can be read and may not be on the disk.
TEST_F(FailedFsync, IsRememberedByNobodyAndMendedByTheNextStart) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    BeginAnew();
    Open();
    for (int n = 0; n < 10; ++n) ASSERT_TRUE(Send(n));
    FaultyDisk::FailFsync(File::kAny, 1, 1'000'000);
    EXPECT_FALSE(Send(10));
    Close();
    FaultyDisk::FailFsync(File::kAny, 0, 0);
    Open();
    published_ = store_->GetHead()->revision;
    EXPECT_TRUE(Send(10));  // a duplicate, if it was found in the log
    EXPECT_TRUE(Send(11));
    FaultyDisk::LosePower();
    Close();
    FaultyDisk::RestorePower(seed);
    ExpectStored(12);
  }
}

TEST_F(FailedFsync, AStoreThatIsClosedWhileItWaitsForTheDiskEnds) {
  options_.reopen_pause = std::chrono::hours(1);
  Open();
  ASSERT_TRUE(Send(0));
  FaultyDisk::FailFsync(File::kAny, 1, 1'000'000);
  EXPECT_FALSE(Send(1));
  ASSERT_TRUE(AwaitReopened());
  EXPECT_FALSE(Send(1));
  Close();
}

}  // namespace
}  // namespace tributary::testing
