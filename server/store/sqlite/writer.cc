#include "server/store/sqlite/writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/schema.h"
#include "server/store/sqlite/timed_vfs.h"

namespace tributary::sqlite {
namespace {

// Rows of late work in one transaction when nobody waits for it.
constexpr size_t kFinishWeight = 4096;

// While nobody commits, a layer is written once it has so many changes, in slices of a millisecond
// or two: who reads finds more in the tables, and a start after a crash less in the log.
constexpr size_t kQuietLayerWeight = 4096;
constexpr size_t kQuietWeight = 128;

}  // namespace

Writer::Writer(const SqliteOptions& options, const Clock& clock, Scopes& scopes, Overlay& overlay,
               Floors& floors, Holds& holds, std::atomic<Revision>& head)
    : options_(options),
      clock_(clock),
      scopes_(scopes),
      overlay_(overlay),
      head_(head),
      database_(OpenForWriting(options.path, options.cache_bytes)),
      late_work_(*database_, scopes, overlay, options),
      fingerprints_(*database_, options.late_changes_max),
      sweep_(*database_, scopes),
      history_(*database_, scopes, floors, holds, options),
      index_upkeep_(*database_, scopes, floors, options),
      bodies_(*database_, options.ledger_bytes_max, *options.metrics),
      open_deliveries_(*database_, *options.metrics),
      ledger_upkeep_(*database_, bodies_, open_deliveries_, options),
      judge_(*database_, scopes, overlay, floors, late_work_, fingerprints_, bodies_,
             open_deliveries_, ledger_upkeep_, options),
      begin_(*database_, "BEGIN IMMEDIATE"),
      commit_(*database_, "COMMIT") {
  MutexLock lock(mutex_);
  TimeFsyncs(*database_, *options.metrics);
  LoadPosition();
  index_upkeep_.Recover();
  late_work_.Recover([this] { FaultPoint("recovering"); });
  fingerprints_.Recover([this] { FaultPoint("recovering"); });
  history_.Recover();
  head_.store(position_.revision);
  page_bytes_ = database_->execAndGet("PRAGMA page_size").getInt();
  const auto on_commit = [](void* pages, sqlite3*, const char*, int count) {
    static_cast<std::atomic<int>*>(pages)->store(count, std::memory_order_relaxed);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(database_->getHandle(), on_commit, &log_pages_);
}

Writer::~Writer() {
  MutexLock lock(mutex_);
  try {
    FinishLateWork();
  } catch (...) {
    (void)CurrentExceptionToStatus("brought up to date");
    RollBack();
  }
}

void Writer::FinishLateWork() {
  while (late_work_.Begin(1)) {
    Query(begin_).Run();
    late_work_.WriteSlice(kFinishWeight);
    Query(commit_).Run();
    late_work_.Committed();
  }
}

absl::StatusOr<Committed> Writer::Commit(std::span<const Delivery> batch) {
  MutexLock lock(mutex_);
  try {
    if (!position_known_) LoadPosition();
    return Write(batch);
  } catch (...) {
    const absl::Status status = CurrentExceptionToStatus("written");
    RollBack();
    return status;
  }
}

History::Stand Writer::StandNow() const {
  return {position_.revision, late_work_.applied(), clock_.NowMicros()};
}

Writer::Chore Writer::NextChore(const History::Stand& stand) {
  if (late_work_.Begin(history_.WaitsForLateWork(stand) ? 1 : kQuietLayerWeight)) {
    return Chore::kLateWork;
  }
  if (history_.Due(stand)) return Chore::kHistory;
  if (ledger_upkeep_.Due(stand.now_us)) return Chore::kLedger;
  return sweep_.Due(stand.applied) ? Chore::kSweep : Chore::kNone;
}

bool Writer::Settle() {
  MutexLock lock(mutex_);
  try {
    const History::Stand stand = StandNow();
    const Chore chore = NextChore(stand);
    if (chore == Chore::kNone) return false;
    // Durable like any commit, though a crash would only have it done again: what is left for the
    // disk to do later would be paid for by the next webhook.
    Query(begin_).Run();
    if (chore == Chore::kLateWork) late_work_.WriteSlice(kQuietWeight);
    if (chore == Chore::kHistory) history_.WriteSlice(kQuietWeight, stand, true);
    if (chore == Chore::kLedger) {
      ledger_upkeep_.WriteSlice(kQuietWeight, stand.now_us, GivenSoFar());
    }
    if (chore == Chore::kSweep) sweep_.WriteSlice(stand.applied);
    FaultPoint("settling");
    Query(commit_).Run();
    late_work_.Committed();
    history_.Committed();
    bodies_.Committed();
    open_deliveries_.Committed();
    ledger_upkeep_.Committed();
    if (chore == Chore::kHistory) FaultPoint("compacted");
    if (chore == Chore::kSweep && sweep_.Committed()) FaultPoint("swept");
    return true;
  } catch (...) {
    (void)CurrentExceptionToStatus("settled");
    RollBack();
    return false;
  }
}

void Writer::BetweenCommits(const std::function<void()>& work) {
  MutexLock lock(mutex_);
  work();
}

Batch Writer::NewBatch() {
  Batch added;
  added.position = position_;
  added.late.revision = position_.revision;
  added.position.committed_us = std::max(clock_.NowMicros(), position_.committed_us);
  return added;
}

Committed Writer::Write(std::span<const Delivery> batch) {
  Committed committed;
  Batch added = NewBatch();
  Query(begin_).Run();
  committed.outcomes.reserve(batch.size());
  for (const Delivery& delivery : batch) {
    committed.outcomes.push_back(judge_.Decide(delivery, added));
  }
  FaultPoint("before_late_work");
  WriteLateRows(added, batch.size());
  FaultPoint("before_commit");
  Query(commit_).Run();
  FaultPoint("after_commit");
  Publish(added);
  if (added.raised_by_replay) KeepRaises();
  committed.changes = std::move(added.changes);
  return committed;
}

void Writer::WriteLateRows(const Batch& added, size_t deliveries) {
  const size_t weight = std::max(added.late.weight, deliveries);
  for (size_t& owed : owed_) owed += weight;
  const size_t due = std::exchange(owed_[turn_], 0);
  const int64_t now_us = clock_.NowMicros();
  switch (static_cast<Turn>(turn_)) {
    case Turn::kTables:
      late_work_.WriteSlice(due);
      break;
    case Turn::kFingerprints:
      fingerprints_.WriteSlice(due, added.position.received_us - options_.idempotency_window_us,
                               added.position.revision, added.position.delivery);
      break;
    case Turn::kHistory:
      history_.WriteSlice(due, {added.position.revision, late_work_.applied(), now_us}, false);
      index_upkeep_.WriteSlice(due);
      break;
  }
  turn_ = (turn_ + 1) % owed_.size();
  ledger_upkeep_.WriteSlice(weight, now_us, {added.position.delivery, added.position.received_us});
}

void Writer::Publish(Batch& added) {
  position_ = added.position;
  for (Scope& scope : added.scopes) scopes_.Add(std::move(scope));
  late_work_.Committed();
  fingerprints_.Committed();
  history_.Committed();
  bodies_.Committed();
  open_deliveries_.Committed();
  ledger_upkeep_.Committed();
  overlay_.Add(std::move(added.late));
  head_.store(position_.revision);
}

void Writer::RollBack() {
  // Some errors end the transaction by themselves.
  try {
    if (sqlite3_get_autocommit(database_->getHandle()) == 0) database_->exec("ROLLBACK");
  } catch (...) {
    (void)CurrentExceptionToStatus("rolled back");
  }
  late_work_.RolledBack();
  fingerprints_.RolledBack();
  history_.RolledBack();
  bodies_.RolledBack();
  open_deliveries_.RolledBack();
  ledger_upkeep_.RolledBack();
  sweep_.RolledBack();
  position_known_ = false;  // read again from the disk before the next batch
}

void Writer::LoadPosition() {
  const Opened opened = ReadOpened(*database_);
  position_ = {opened.revision, opened.committed_us, opened.delivery, opened.received_us};
  position_known_ = true;
}

void Writer::FaultPoint(const char* step) const {
  if (options_.fault_point) options_.fault_point(step);
}

}  // namespace tributary::sqlite
