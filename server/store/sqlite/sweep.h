#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>
#include <vector>

#include "server/store/sqlite/overlay.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// Copies the states that stand into the table `settled`, in key order, so that who reads in key
// order finds them side by side and not at random places of the log. A copy, and no more: a row
// counts only while it is of the revision that its pointer names, so the table may lag behind or be
// empty. One sweep goes once through all pointers, and costs a write only where a state changed
// since the last one.
//
// Part of the writer: not thread-safe. What it is given must outlive it.
class Sweep {
 public:
  Sweep(SQLite::Database& database, const Scopes& scopes);

  // A sweep is under way, or changed enough to be worth its reading. `applied`: the pointers are
  // complete up to this revision.
  bool Due(Revision applied) const;

  // Goes on with a sweep, or begins one, within the transaction in progress.
  void WriteSlice(Revision applied);
  // After it. True: a sweep is complete.
  bool Committed();
  void RolledBack();

 private:
  // Where the sweep under way stands.
  struct Progress {
    bool under_way = false;
    Revision began = 0;  // `applied` at that time
    PointerKey last;
    int64_t resources = 0;
  };
  struct Stale {
    PointerKey key;
    Revision revision;
  };

  std::vector<Stale> ReadSlice(Progress& progress);
  void Settle(const Stale& stale);

  const Scopes& scopes_;
  SQLite::Statement scan_;
  SQLite::Statement read_;
  SQLite::Statement put_;
  SQLite::Statement note_;

  Revision swept_ = 0;     // `applied` when the last complete sweep began
  int64_t resources_ = 0;  // that it passed
  Progress progress_;      // durable
  Progress next_;          // in the transaction in progress
};

}  // namespace tributary::sqlite
