#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/store/dying_process.h"
#include "tests/testing/faulty_disk.h"

namespace tributary::testing {

// A store on a disk that fails, and a source that sends each delivery until it is acknowledged.
//
// The nth delivery makes change n + 1, whatever fails in between: so the head tells whether
// something was lost or came twice. What the store does beside commits is made to happen all the
// time: late work, checkpoints, compaction, the upkeep of the ledger.
class FaultyStoreTest : public DyingSqliteStoreTest {
 protected:
  static constexpr int kResources = 7;
  static constexpr std::chrono::seconds kPatience{20};

  FaultyStoreTest() {
    FaultyDisk::Mend();
    options_.late_changes_max = 3;
    options_.checkpoint_bytes = 256 * 1024;
    options_.history_max_changes = 9;
    options_.tombstone_retention_us = 0;
    options_.ledger_retention_us = options_.idempotency_window_us = 20;
    options_.reopen_pause = std::chrono::milliseconds(1);
    options_.fault_point = [this](const char* step) {
      if (std::strcmp(step, "reopened") != 0) return;
      const std::lock_guard lock(mutex_);
      ++reopened_;
      changed_.notify_all();
    };
  }
  ~FaultyStoreTest() override {
    Close();
    FaultyDisk::Mend();
  }

  void BeginAnew() {
    Close();
    FaultyDisk::Mend();
    for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
    published_ = 0;
    {
      const std::lock_guard lock(mutex_);
      reopened_ = 0;
    }
    clock_.Set(kStart);
  }

  static std::string IdOf(int n) { return absl::StrCat("id", n % kResources); }
  static std::string StateOfNth(int n) {
    return absl::StrCat("s", n, std::string(static_cast<size_t>(n % 5) * 40, 'x'));
  }
  // And an old state of the same resource with it, which is SUPERSEDED: the ledger has a row for
  // it.
  static std::vector<Delivery> Nth(int n) {
    return {Updated(IdOf(n)).At(n).ArrivedAt(n).State(StateOfNth(n)).WithKey(absl::StrCat("k", n)),
            Updated(IdOf(n))
                .At(-1)
                .ArrivedAt(n)
                .State("old")
                .WithKey(absl::StrCat("old", n))
                .Body("{}")};
  }

  // Sends the nth delivery once; true: it was acknowledged.
  bool Send(Store& store, int n) {
    clock_.Set(kStart + n);
    const absl::StatusOr<Committed> committed = store.Commit(Nth(n));
    if (!committed.ok()) {
      EXPECT_THAT(committed, StatusIs(absl::StatusCode::kUnavailable));
      EXPECT_THAT(committed, HasReason(reason::kStoreUnavailable));
      return false;
    }
    EXPECT_EQ(committed->outcomes[0].revision, n + 1) << VerdictOf(committed->outcomes[0]);
    for (const ChangePtr& change : committed->changes) {
      EXPECT_EQ(change->revision, ++published_) << "what is published has no gap";
    }
    return true;
  }
  bool Send(int n) { return Send(*store_, n); }

  // On a disk of which an fsync failed: again whenever the file was opened anew.
  void SendUntilAcknowledged(int n) {
    for (int opened = reopened(); !Send(n); opened = reopened()) {
      ASSERT_TRUE(AwaitReopened(opened)) << "delivery " << n;
    }
  }

  int reopened() {
    const std::lock_guard lock(mutex_);
    return reopened_;
  }
  // More often than `times`; false: not within kPatience.
  bool AwaitReopened(int times = 0) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return reopened_ > times; });
  }

  // What reads show once the first `sent` deliveries were acknowledged.
  void ExpectShown(int sent) {
    const auto head = store_->GetHead();
    TRIBUTARY_ASSERT_OK(head);
    EXPECT_EQ(head->revision, sent);
    const auto page = store_->List({});
    TRIBUTARY_ASSERT_OK(page);
    EXPECT_EQ(page->records.size(), static_cast<size_t>(std::min(sent, kResources)));
    for (int n = std::max(sent - kResources, 0); n < sent; ++n) {
      EXPECT_EQ(StateOf(IdOf(n)), StateOfNth(n));
    }
    ChangeQuery query;
    query.after = std::max(sent - 5, 0);
    const auto changes = store_->Changes(query);
    TRIBUTARY_ASSERT_OK(changes);
    EXPECT_EQ(changes->changes.size(), static_cast<size_t>(std::min(sent, 5)));
  }

  // And that they are in the file, which is sound.
  void ExpectStored(int sent) {
    Open();
    ExpectShown(sent);
    Close();
    EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(Ask("SELECT count(*) FROM resource"), std::to_string(std::min(sent, kResources)));
  }

  // Leaves the files as a process does that is killed after `count` deliveries were acknowledged.
  void LeaveLogOf(int count, int64_t checkpoint_bytes = int64_t{1} << 30) {
    const int64_t usual = std::exchange(options_.checkpoint_bytes, checkpoint_bytes);
    InDyingProcess("after_commit", count, [&](Store& store) {
      for (int n = 0; n < count; ++n) {
        if (!Send(store, n)) _exit(1);
      }
    });
    options_.checkpoint_bytes = usual;
    published_ = count;
    FaultyDisk::Mend();  // what another process wrote is there
  }

  static std::string VerdictOf(const Outcome& outcome) {
    return absl::StrCat("verdict ", static_cast<int>(outcome.verdict));
  }

  Revision published_ = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int reopened_ = 0;
};

// 1, 2, 3, … and then in growing steps: some thirty values up to a thousand.
inline int NextOf(int nth) { return nth + 1 + nth / 6; }

}  // namespace tributary::testing
