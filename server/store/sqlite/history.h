#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/holds.h"
#include "server/store/sqlite/removal.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// Moves the floor of history up, by count and by age, and has removed what that releases: a row of
// the log may go when the change that replaced it is at or below the floor, a tombstone when it is
// at or below the floor of tombstones. So everything that shows a revision at or above the floor
// stays, and every change above it has its predecessor.
//
// Goes along the log in slices, beside commits, and moves the floor by some thousand changes at a
// time. A move is durable and published before anything it releases is removed.
//
// Part of the writer: not thread-safe. What it is given must outlive it.
class History {
 public:
  History(SQLite::Database& database, const Scopes& scopes, Floors& floors, Holds& holds,
          const SqliteOptions& options);

  void Recover();

  // Where the log and the clock stand.
  struct Stand {
    Revision head = 0;
    Revision applied = 0;  // the late tables are complete up to here: the floor goes no further
    int64_t now_us = 0;
  };

  // Within a transaction: a slice in proportion to `weight`.
  void WriteSlice(size_t weight, const Stand& stand, bool quiet);
  // There is something to be done while it is quiet.
  bool Due(const Stand& stand);
  // The floor could move, were the late tables complete up to the head.
  bool WaitsForLateWork(const Stand& stand);
  void Committed();
  void RolledBack();

 private:
  // Goes along the log as far as an age or a count allows.
  struct Walk {
    Revision reached = 0;
    int64_t next_us = 0;  // when the change behind it was committed; 0: not known
  };

  Revision CountFloor(Revision head) const;
  // The floor goes no further.
  Revision Limit(const Stand& stand);
  // What `walk` may pass next to `reached` is there.
  bool MayPass(Walk& walk, int64_t retention_us, Revision by_count, const Stand& stand);
  void WalkHistory(size_t rows, const Stand& stand);
  void WalkTombstones(size_t rows, const Stand& stand);
  bool MoveDue(const Stand& stand);
  void Move();

  const SqliteOptions& options_;
  Floors& floors_;
  Holds& holds_;
  Removal removal_;
  SQLite::Statement log_;
  SQLite::Statement put_meta_;

  Walk history_;
  Walk tombstones_;
  std::vector<Revision> released_;    // by a move to where the walks are
  int64_t oldest_released_us_ = 0;    // when the first change that the move passes was committed
  std::optional<Revision> moved_to_;  // in the transaction in progress
  Revision tombstones_moved_to_ = 0;
};

}  // namespace tributary::sqlite
