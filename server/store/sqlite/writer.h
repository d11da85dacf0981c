#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
#include "server/store/sqlite/timed_vfs.h"
#include "server/store/store.h"

namespace tributary::sqlite {

// Writes batches, each in one transaction, through the only connection that writes rows. What it is
// given must outlive it. Thread-safe.
//
// A batch becomes visible in this order: on the disk, its scopes in `scopes`, its pointers in
// `overlay`, its revision in `head`. A reader that takes `head` first and opens its snapshot then
// finds everything up to it.
//
// A log that is found when the file is opened may be readable and still not be on the disk: who
// wrote it may have died, or have been told that it failed, before its fsync had ended well, and
// the kernel drops what it could not write. So before the first commit all of it is written once
// more, into the database file; until that has succeeded nothing is committed.
class Writer {
 public:
  // Takes up where the last process ended. Throws SQLite::Exception or DamagedRow.
  Writer(const SqliteOptions& options, const Clock& clock, Scopes& scopes, Overlay& overlay,
         Floors& floors, Holds& holds, Fsyncs& fsyncs, std::atomic<Revision>& head);
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
  // Sees that the log that was found is on the disk. Throws SQLite::Exception, also if it can't be
  // known any more what is.
  void SecureLog() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Batch NewBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  LedgerUpkeep::Given GivenSoFar() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepRaises() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish(Batch& added) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // What is done beside commits and between them. The first three take turns beside commits: a
  // slice touches few pages of one table, where a slice of each would write a page of each with
  // every commit.
  enum Chore : size_t {
    kTables,
    kFingerprints,
    kHistory,
    kTurns,
    kLedger = kTurns,
    kSweep,
    kChores
  };
  std::optional<Chore> NextChore(const History::Stand& stand) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DoChore(Chore chore, const History::Stand& stand) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteLateRows(const Batch& added, size_t deliveries) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Rests(Chore chore) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets the chore rest that has just met damage, for what is damaged must not keep the rest from
  // being written. False: no chore did, or it gathers more in memory than it may.
  bool Rest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  History::Stand StandNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishLateWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LoadPosition() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FaultPoint(const char* step) const;

  const SqliteOptions& options_;
  const Clock& clock_;
  Scopes& scopes_;
  Overlay& overlay_;
  const Fsyncs& fsyncs_;
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
  bool log_secured_ ABSL_GUARDED_BY(mutex_) = false;
  size_t turn_ ABSL_GUARDED_BY(mutex_) = 0;
  std::array<size_t, kTurns> owed_ ABSL_GUARDED_BY(mutex_) = {};  // changes since its last turn
  std::optional<Chore> chore_ ABSL_GUARDED_BY(mutex_);            // under way
  std::array<std::chrono::steady_clock::time_point, kChores> rests_until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary::sqlite
