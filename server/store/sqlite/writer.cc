#include "server/store/sqlite/writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/schema.h"
#include "server/store/sqlite/timed_vfs.h"

namespace tributary::sqlite {
namespace {

// How many fingerprints a commit forgets, beside one for each that it may add.
constexpr int64_t kForgetSlice = 64;

}  // namespace

Writer::Writer(const SqliteOptions& options, const Clock& clock, Scopes& scopes,
               std::atomic<Revision>& head)
    : options_(options),
      clock_(clock),
      scopes_(scopes),
      head_(head),
      database_(OpenForWriting(options.path, options.cache_bytes)),
      judge_(*database_, scopes, options),
      begin_(*database_, "BEGIN IMMEDIATE"),
      commit_(*database_, "COMMIT") {
  MutexLock lock(mutex_);
  TimeFsyncs(*database_, *options.metrics);
  LoadPosition();
  head_.store(position_.revision);
  const auto on_commit = [](void* pages, sqlite3*, const char*, int count) {
    static_cast<std::atomic<int>*>(pages)->store(count, std::memory_order_relaxed);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(database_->getHandle(), on_commit, &log_pages_);
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

void Writer::BetweenCommits(const std::function<void()>& work) {
  MutexLock lock(mutex_);
  work();
}

Committed Writer::Write(std::span<const Delivery> batch) {
  Committed committed;
  Batch added;
  added.position = position_;
  added.position.committed_us = std::max(clock_.NowMicros(), position_.committed_us);
  Query(begin_).Run();
  committed.outcomes.reserve(batch.size());
  for (const Delivery& delivery : batch) {
    committed.outcomes.push_back(judge_.Decide(delivery, added));
  }
  judge_.Tidy(added, kForgetSlice + static_cast<int64_t>(batch.size()));
  FaultPoint("before_commit");
  Query(commit_).Run();
  FaultPoint("after_commit");

  position_ = added.position;
  for (Scope& scope : added.scopes) scopes_.Add(std::move(scope));
  head_.store(position_.revision);
  committed.changes = std::move(added.changes);
  return committed;
}

void Writer::RollBack() {
  // Some errors end the transaction by themselves.
  try {
    if (sqlite3_get_autocommit(database_->getHandle()) == 0) database_->exec("ROLLBACK");
  } catch (...) {
    (void)CurrentExceptionToStatus("rolled back");
  }
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
