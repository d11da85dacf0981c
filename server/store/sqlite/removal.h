#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/store/sqlite/ledger.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/settled.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// Removes the rows of the log that history has released, and gives their room back.
//
// They lie at random places, and to take one row from a page costs as much as to take ten. So what
// is released is only noted at first (table `released`, a few bytes each), and removed once there
// is enough of it, in one pass along the log, in slices beside later commits. A slice that is
// removed twice changes nothing.
//
// The part of a row that is its delivery's place in the ledger is kept, in the table `delivery`,
// for as long as the ledger and the check for duplicates reach back.
//
// Part of the writer: not thread-safe. What it is given must outlive it.
class Removal {
 public:
  Removal(SQLite::Database& database, const Scopes& scopes, const SqliteOptions& options);

  // Takes up what the last process noted.
  void Recover();

  // Within a transaction: what a move of the floor to `floor` released.
  void Note(std::vector<Revision> revisions, Revision floor);

  // Within a transaction: removes a slice of at most `rows`, if a pass is under way or due.
  // `quiet`: nobody waits, so less is enough to begin one.
  void WriteSlice(size_t rows, bool quiet, int64_t now_us);
  // That, or to give room back, is to be done.
  bool Due(bool quiet) const;
  void Committed();
  void RolledBack();

 private:
  // What one pass removes.
  struct Pass {
    std::vector<Revision> revisions;  // rising
    size_t next = 0;
    int64_t last_note = 0;
  };

  size_t Enough(bool quiet) const;
  void Begin();
  void Remove(Revision revision, int64_t now_us);
  void Finish();
  bool GiveRoomBack();

  SQLite::Database& database_;
  const Scopes& scopes_;
  const SqliteOptions& options_;
  SQLite::Statement note_;
  SQLite::Statement forget_notes_;
  SQLite::Statement put_meta_;
  SQLite::Statement scope_of_;
  SQLite::Statement read_;
  SQLite::Statement delete_change_;
  SQLite::Statement delete_of_scope_;
  SQLite::Statement delete_pointer_;
  SettledBlocks settled_;
  Ledger ledger_;

  Revision floor_ = 0;
  int64_t removed_ = 0;            // rows that are gone, all in all
  std::vector<Revision> pending_;  // noted, for the next pass
  size_t noted_in_transaction_ = 0;
  int64_t last_note_ = 0;
  Pass pass_;
  size_t durable_next_ = 0;  // of the pass
  bool finishing_ = false;   // in the transaction in progress
  bool room_left_ = true;    // there may be free pages to give back
};

}  // namespace tributary::sqlite
