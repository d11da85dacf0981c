#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <span>

#include "server/store/sqlite/bodies.h"
#include "server/store/sqlite/open_deliveries.h"
#include "server/store/sqlite/sqlite_store.h"

namespace tributary::sqlite {

// Takes deliveries off the record: accepted ones when their time is over, in slices beside commits,
// and any when they are purged. The order of numbers is that of receipt, so one walk along them
// finds what is over.
//
// Part of the writer: calls belong to the transaction in progress on `database`. What it is given
// must outlive it. Not thread-safe.
class LedgerUpkeep {
 public:
  // The last number and time of receipt that were given.
  struct Given {
    int64_t delivery = 0;
    int64_t received_us = 0;
  };

  LedgerUpkeep(SQLite::Database& database, Bodies& bodies, OpenDeliveries& open,
               const SqliteOptions& options);

  // Some of what is over by `now_us` goes, at most `rows`.
  void WriteSlice(size_t rows, int64_t now_us, const Given& given);
  bool Due(int64_t now_us) const { return now_us >= next_us_; }

  // Returns how many of `numbers` were on record.
  int64_t Purge(std::span<const int64_t> numbers, const Given& given);

  // Notes what may not be found in the rows any more, so that no number is given twice.
  void Note(const Given& given);
  // A delivery with this number was accepted after all.
  void LookAgain(int64_t number);

  void Committed() { durable_ = walk_; }
  void RolledBack();

 private:
  // True: the walk is at its end for now.
  bool Walk(size_t rows, int64_t before_us, const Given& given);
  void Remove(int64_t number);

  Bodies& bodies_;
  OpenDeliveries& open_;
  const int64_t kept_us_;
  SQLite::Statement walk_rows_;
  SQLite::Statement delete_row_;
  SQLite::Statement count_;
  SQLite::Statement put_meta_;
  int64_t walk_ = 0;  // everything up to this number was looked at
  int64_t durable_ = 0;
  int64_t next_us_ = 0;  // nothing is over before
};

}  // namespace tributary::sqlite
