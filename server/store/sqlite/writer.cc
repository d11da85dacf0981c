#include "server/store/sqlite/writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
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

// How long a chore that met damage is left alone, and how much of what it should write may gather
// in memory meanwhile, in layers.
constexpr std::chrono::seconds kRest{60};
constexpr size_t kLayersMax = 8;

}  // namespace

Writer::Writer(const SqliteOptions& options, const Clock& clock, Scopes& scopes, Overlay& overlay,
               Floors& floors, Holds& holds, Fsyncs& fsyncs, std::atomic<Revision>& head)
    : options_(options),
      clock_(clock),
      scopes_(scopes),
      overlay_(overlay),
      fsyncs_(fsyncs),
      head_(head),
      database_(OpenForWriting(options.path, options.cache_bytes)),
      late_work_(*database_, scopes, overlay, options),
      fingerprints_(*database_, options.late_changes_max),
      sweep_(*database_, scopes, floors),
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
  WatchFsyncs(*database_, fsyncs);
  try {
    SecureLog();
  } catch (...) {
    // As on a full disk: reads go on, and commits try again.
    options_.metrics->in_doubt.store(true);
    (void)CurrentExceptionToStatus("written");
  }
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
  if (fsyncs_.failed()) return;  // nothing could be made durable
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
  for (;;) {
    try {
      SecureLog();
      if (!position_known_) LoadPosition();
      return Write(batch);
    } catch (...) {
      const absl::Status status = CurrentExceptionToStatus("written");
      RollBack();
      if (!absl::IsDataLoss(status)) return status;
      ForgetPages(*database_);
      if (!Rest()) return status;
    }
  }
}

void Writer::SecureLog() {
  if (fsyncs_.failed()) throw SQLite::Exception("an fsync failed before", SQLITE_IOERR);
  if (log_secured_) return;
  int frames = 0;
  int copied = 0;
  int code = sqlite3_wal_checkpoint_v2(database_->getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                       &frames, &copied);
  if (code == SQLITE_OK && copied < frames) code = SQLITE_BUSY;
  if (code != SQLITE_OK) throw SQLite::Exception(database_->getHandle(), code);
  log_secured_ = true;
  options_.metrics->in_doubt.store(false);
}

History::Stand Writer::StandNow() const {
  return {position_.revision, late_work_.applied(), clock_.NowMicros()};
}

std::optional<Writer::Chore> Writer::NextChore(const History::Stand& stand) {
  const size_t enough = history_.WaitsForLateWork(stand) ? 1 : kQuietLayerWeight;
  if (!Rests(kTables) && late_work_.Begin(enough)) return kTables;
  if (!Rests(kHistory) && history_.Due(stand)) return kHistory;
  if (!Rests(kLedger) && ledger_upkeep_.Due(stand.now_us)) return kLedger;
  if (!Rests(kSweep) && sweep_.Due(stand.applied)) return kSweep;
  return std::nullopt;
}

void Writer::DoChore(Chore chore, const History::Stand& stand) {
  // Durable like any commit, though a crash would only have it done again: what is left for the
  // disk to do later would be paid for by the next webhook.
  Query(begin_).Run();
  if (chore == kTables) late_work_.WriteSlice(kQuietWeight);
  if (chore == kHistory) history_.WriteSlice(kQuietWeight, stand, true);
  if (chore == kLedger) ledger_upkeep_.WriteSlice(kQuietWeight, stand.now_us, GivenSoFar());
  if (chore == kSweep) sweep_.WriteSlice(stand.applied);
  FaultPoint("settling");
  Query(commit_).Run();
  late_work_.Committed();
  history_.Committed();
  bodies_.Committed();
  open_deliveries_.Committed();
  ledger_upkeep_.Committed();
  if (chore == kHistory) FaultPoint("compacted");
  if (chore == kSweep && sweep_.Committed()) FaultPoint("swept");
}

bool Writer::Settle() {
  MutexLock lock(mutex_);
  chore_.reset();
  try {
    SecureLog();
    if (!position_known_) LoadPosition();
    const History::Stand stand = StandNow();
    chore_ = NextChore(stand);
    if (!chore_.has_value()) return false;
    DoChore(*chore_, stand);
    return true;
  } catch (...) {
    const absl::Status status = CurrentExceptionToStatus("settled");
    RollBack();
    if (!absl::IsDataLoss(status)) return false;
    ForgetPages(*database_);
    return Rest();  // the other chores go on
  }
}

bool Writer::Rests(Chore chore) const {
  return rests_until_[chore] > std::chrono::steady_clock::now();
}

bool Writer::Rest() {
  const size_t gathered_max = kLayersMax * options_.late_changes_max;
  if (!chore_.has_value() || Rests(*chore_)) return false;
  if (overlay_.weight() > gathered_max || fingerprints_.waiting() > gathered_max) return false;
  constexpr std::array<const char*, kChores> kNames = {"the tables in key order", "fingerprints",
                                                       "history", "the ledger", "settled copies"};
  LogError(absl::StrCat("store: damage keeps ", kNames[*chore_],
                        " from being brought up to date; left for a while"));
  rests_until_[*chore_] = std::chrono::steady_clock::now() + kRest;
  return true;
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
  chore_.reset();
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
  const int64_t now_us = clock_.NowMicros();
  for (size_t& owed : owed_) owed += weight;
  const auto turn = static_cast<Chore>(turn_);
  turn_ = (turn_ + 1) % owed_.size();
  if (!Rests(turn)) {
    chore_ = turn;
    const size_t due = owed_[turn];
    if (turn == kTables) late_work_.WriteSlice(due);
    if (turn == kFingerprints) {
      fingerprints_.WriteSlice(due, added.position.received_us - options_.idempotency_window_us,
                               added.position.revision, added.position.delivery);
    }
    if (turn == kHistory) {
      history_.WriteSlice(due, {added.position.revision, late_work_.applied(), now_us}, false);
      index_upkeep_.WriteSlice(due);
    }
    owed_[turn] = 0;
  }
  if (!Rests(kLedger)) {
    chore_ = kLedger;
    ledger_upkeep_.WriteSlice(weight, now_us,
                              {added.position.delivery, added.position.received_us});
  }
  chore_.reset();
}

void Writer::Publish(Batch& added) {
  position_ = added.position;
  for (Scope& scope : added.scopes) scopes_.Add(std::move(scope));
  late_work_.Committed();
  fingerprints_.Committed();
  history_.Committed();
  index_upkeep_.Committed();
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
  index_upkeep_.RolledBack();
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
