#include "server/store/sqlite/history.h"

#include <algorithm>
#include <utility>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/schema.h"
#include "server/store/sqlite/slice.h"

namespace tributary::sqlite {
namespace {

// The floor moves by so many changes at once, or by a sixteenth of what it keeps.
constexpr int64_t kStepMax = 4096;
constexpr int64_t kStepShare = 16;

}  // namespace

History::History(SQLite::Database& database, const Scopes& scopes, Floors& floors, Holds& holds,
                 const SqliteOptions& options)
    : options_(options),
      floors_(floors),
      holds_(holds),
      removal_(database, scopes, options),
      log_(database,
           "SELECT revision, prev, kind, committed_us FROM change WHERE revision > ?"
           " ORDER BY revision LIMIT ?"),
      put_meta_(database, "UPDATE meta SET value = ?2 WHERE key = ?1") {
  history_.reached = ReadMeta(database, kHistoryFloor);
  tombstones_.reached = ReadMeta(database, kTombstoneFloor);
  floors_.history.store(history_.reached);
  floors_.tombstones.store(tombstones_.reached);
}

void History::Recover() { removal_.Recover(); }

Revision History::CountFloor(Revision head) const {
  return options_.history_max_changes > 0 ? head - options_.history_max_changes : 0;
}

Revision History::Limit(const Stand& stand) {
  const std::optional<Revision> held = holds_.Oldest(stand.now_us);
  if (!held.has_value()) return stand.applied;
  const int64_t max = options_.history_max_changes;
  const Revision pressed = max > 0 ? stand.head - 2 * max : 0;
  return std::min(stand.applied, std::max(*held, pressed));
}

bool History::MayPass(Walk& walk, int64_t retention_us, Revision by_count, const Stand& stand) {
  if (walk.reached + 1 <= by_count) return true;
  if (retention_us <= 0) return false;
  if (walk.next_us == 0) {
    Query row(log_);
    row.Bind(walk.reached).Bind(1);
    if (!row.Next()) return false;
    walk.next_us = row.Int(3);
  }
  return walk.next_us <= stand.now_us - retention_us;
}

void History::WalkHistory(size_t rows, const Stand& stand) {
  const Revision by_count = CountFloor(stand.head);
  if (!MayPass(history_, options_.history_retention_us, by_count, stand)) return;
  const Revision limit = Limit(stand);
  Query row(log_);
  row.Bind(history_.reached).Bind(static_cast<int64_t>(rows));
  while (row.Next()) {
    const Revision revision = row.Int(0);
    if (revision > limit) return;
    const int64_t committed_us = row.Int(3);
    const bool old = options_.history_retention_us > 0 &&
                     committed_us <= stand.now_us - options_.history_retention_us;
    if (!old && revision > by_count) {
      history_.next_us = committed_us;
      return;
    }
    if (const Revision prev = row.Int(1); prev != 0) released_.push_back(prev);
    if (oldest_released_us_ == 0) oldest_released_us_ = committed_us;
    history_ = {revision, 0};
  }
}

void History::WalkTombstones(size_t rows, const Stand& stand) {
  if (!MayPass(tombstones_, options_.tombstone_retention_us, 0, stand)) return;
  // The newest row stays: it says which revision is the next.
  const Revision limit = std::min(history_.reached, stand.head - 1);
  Query row(log_);
  row.Bind(tombstones_.reached).Bind(static_cast<int64_t>(rows));
  while (row.Next()) {
    const Revision revision = row.Int(0);
    if (revision > limit) {
      tombstones_ = {std::max(tombstones_.reached, limit), row.Int(3)};
      return;
    }
    const int64_t committed_us = row.Int(3);
    if (committed_us > stand.now_us - options_.tombstone_retention_us) {
      tombstones_.next_us = committed_us;
      return;
    }
    const auto kind = static_cast<ChangeKind>(row.Int(2));
    if (IsTombstone(kind)) released_.push_back(revision);
    if (oldest_released_us_ == 0) oldest_released_us_ = committed_us;
    tombstones_ = {revision, 0};
  }
}

bool History::MoveDue(const Stand& stand) {
  const Revision passed = history_.reached - floors_.history.load();
  const Revision tombstones = tombstones_.reached - floors_.tombstones.load();
  if (passed == 0 && tombstones == 0) return false;
  if (passed > 0 && history_.reached > Limit(stand)) return false;  // held since
  const int64_t max = options_.history_max_changes;
  const int64_t step =
      max > 0 ? std::clamp<int64_t>(max / kStepShare, 1, kStepMax) : int64_t{kStepMax};
  if (passed >= step || tombstones >= kStepMax) return true;
  // By age alone, a few changes wait until they are late by a sixteenth.
  const int64_t retention = passed > 0 ? std::max(options_.history_retention_us, int64_t{0})
                                       : options_.tombstone_retention_us;
  return oldest_released_us_ + retention + retention / kStepShare <= stand.now_us;
}

void History::Move() {
  Query(put_meta_).BindText(kHistoryFloor).Bind(history_.reached).Run();
  Query(put_meta_).BindText(kTombstoneFloor).Bind(tombstones_.reached).Run();
  removal_.Note(released_, history_.reached);
  moved_to_ = history_.reached;
  tombstones_moved_to_ = tombstones_.reached;
}

void History::WriteSlice(size_t weight, const Stand& stand, bool quiet) {
  const size_t rows = SliceRows(weight);
  WalkHistory(rows, stand);
  WalkTombstones(rows, stand);
  // In this order: what a move releases stays until the move is published.
  removal_.WriteSlice(rows, quiet, stand.now_us);
  if (MoveDue(stand)) Move();
}

bool History::Due(const Stand& stand) {
  const auto passes = [&](Walk& walk, int64_t retention_us, Revision by_count, Revision limit) {
    return walk.reached < limit && MayPass(walk, retention_us, by_count, stand);
  };
  return passes(history_, options_.history_retention_us, CountFloor(stand.head), Limit(stand)) ||
         passes(tombstones_, options_.tombstone_retention_us, 0,
                std::min(history_.reached, stand.head - 1)) ||
         MoveDue(stand) || removal_.Due(true);
}

bool History::WaitsForLateWork(const Stand& stand) {
  return history_.reached >= stand.applied && stand.applied < stand.head &&
         MayPass(history_, options_.history_retention_us, CountFloor(stand.head), stand);
}

void History::Committed() {
  removal_.Committed();
  if (!moved_to_.has_value()) return;
  floors_.history.store(*std::exchange(moved_to_, std::nullopt));
  floors_.tombstones.store(tombstones_moved_to_);
  released_.clear();
  oldest_released_us_ = 0;
}

void History::RolledBack() {
  removal_.RolledBack();
  moved_to_.reset();
}

}  // namespace tributary::sqlite
