#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/bodies.h"
#include "server/store/sqlite/fingerprints.h"
#include "server/store/sqlite/history.h"
#include "server/store/sqlite/index_upkeep.h"
#include "server/store/sqlite/judge.h"
#include "server/store/sqlite/late_work.h"
#include "server/store/sqlite/ledger_upkeep.h"
#include "server/store/sqlite/open_deliveries.h"
#include "server/store/sqlite/overlay.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/sqlite/sweep.h"
#include "server/store/store.h"

namespace tributary::sqlite {

// Writes batches, each in one transaction, through the only connection that writes rows. What it is
// given must outlive it. Thread-safe.
//
// A batch becomes visible in this order: on the disk, its scopes in `scopes`, its pointers in
// `overlay`, its revision in `head`. A reader that takes `head` first and opens its snapshot then
// finds everything up to it.
class Writer {
 public:
  // Takes up where the last process ended. Throws SQLite::Exception or DamagedRow.
  Writer(const SqliteOptions& options, const Clock& clock, Scopes& scopes, Overlay& overlay,
         Floors& floors, Holds& holds, std::atomic<Revision>& head);
  // Brings the late tables up to date; what can't be written is found again by the next process.
  ~Writer();

  absl::StatusOr<Committed> Commit(std::span<const Delivery> batch) ABSL_LOCKS_EXCLUDED(mutex_);

  // What Commit would answer; nothing of it is kept.
  absl::StatusOr<std::vector<Outcome>> Rehearse(std::span<const Delivery> batch)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes deliveries off the record; returns how many were on it.
  absl::StatusOr<int64_t> Purge(std::span<const int64_t> numbers) ABSL_LOCKS_EXCLUDED(mutex_);

  // A slice of what can be done while nobody commits: late work, compaction, a sweep. False: there
  // is nothing to do, or it failed.
  bool Settle() ABSL_LOCKS_EXCLUDED(mutex_);

  // The size of the write-ahead log after the last commit.
  int64_t log_bytes() const {
    return log_pages_.load(std::memory_order_relaxed) * int64_t{page_bytes_};
  }

  // Runs `work` while no commit is under way; a commit that comes meanwhile waits for it.
  void BetweenCommits(const std::function<void()>& work) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Committed Write(std::span<const Delivery> batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RollBack() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Batch NewBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  LedgerUpkeep::Given GivenSoFar() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepRaises() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish(Batch& added) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  enum class Chore { kNone, kLateWork, kHistory, kLedger, kSweep };
  Chore NextChore(const History::Stand& stand) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  History::Stand StandNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishLateWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LoadPosition() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FaultPoint(const char* step) const;

  // Work that is done beside commits takes turns: a slice touches few pages of one table, where a
  // slice of each would write a page of each with every commit.
  enum class Turn { kTables, kFingerprints, kHistory };
  void WriteLateRows(const Batch& added, size_t deliveries) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SqliteOptions& options_;
  const Clock& clock_;
  Scopes& scopes_;
  Overlay& overlay_;
  std::atomic<Revision>& head_;
  std::atomic<int> log_pages_ = 0;
  int page_bytes_ = 0;

  // Held for the length of a commit: it keeps checkpoints that need the log at rest apart from it.
  Mutex mutex_;
  const std::unique_ptr<SQLite::Database> database_ ABSL_PT_GUARDED_BY(mutex_);
  LateWork late_work_ ABSL_GUARDED_BY(mutex_);
  Fingerprints fingerprints_ ABSL_GUARDED_BY(mutex_);
  Sweep sweep_ ABSL_GUARDED_BY(mutex_);
  History history_ ABSL_GUARDED_BY(mutex_);
  IndexUpkeep index_upkeep_ ABSL_GUARDED_BY(mutex_);
  Bodies bodies_ ABSL_GUARDED_BY(mutex_);
  OpenDeliveries open_deliveries_ ABSL_GUARDED_BY(mutex_);
  LedgerUpkeep ledger_upkeep_ ABSL_GUARDED_BY(mutex_);
  Judge judge_ ABSL_GUARDED_BY(mutex_);
  SQLite::Statement begin_ ABSL_GUARDED_BY(mutex_);
  SQLite::Statement commit_ ABSL_GUARDED_BY(mutex_);
  Position position_ ABSL_GUARDED_BY(mutex_);
  bool position_known_ ABSL_GUARDED_BY(mutex_) = false;
  size_t turn_ ABSL_GUARDED_BY(mutex_) = 0;
  std::array<size_t, 3> owed_ ABSL_GUARDED_BY(mutex_) = {};  // by turn: changes since its last one
};

}  // namespace tributary::sqlite
