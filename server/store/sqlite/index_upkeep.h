#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/sqlite_store.h"

namespace tributary::sqlite {

// Keeps the table `entry` fit: makes it anew where another set of fields was indexed, and takes out
// of it what history has passed.
//
// The latter is done by going round the table in key order, a slice beside every commit: what lies
// together is taken out together, and nothing has to be remembered of it.
//
// Part of the writer: not thread-safe. What it is given must outlive it.
class IndexUpkeep {
 public:
  IndexUpkeep(SQLite::Database& database, const Scopes& scopes, Floors& floors,
              const SqliteOptions& options);

  // At the start, before anything else is written: in transactions of its own.
  void Recover();

  // Within a transaction: goes on by a slice in proportion to `weight`.
  void WriteSlice(size_t weight);
  void Committed() { durable_ = round_; }
  void RolledBack() { round_ = durable_; }

 private:
  // Where a row is, without the revision until which it holds.
  struct Place {
    int64_t scope = 0;
    int64_t field = 0;
    std::string value;
    std::string id;
    int64_t from = 0;
  };

  void Build();
  // Indexes some resources from the one behind `last` on; false: there was none.
  bool BuildSlice(Place& last);
  void Insert(const Scope& scope, const std::string& id, Revision revision);

  SQLite::Database& database_;
  const Scopes& scopes_;
  Floors& floors_;
  const SqliteOptions& options_;
  SQLite::Statement pointers_;
  SQLite::Statement state_;
  SQLite::Statement insert_;
  SQLite::Statement put_meta_;
  SQLite::Statement scan_;
  SQLite::Statement delete_;

  // A round along the table.
  struct Round {
    Place place;               // that it has come to
    Revision floor = 0;        // it takes out what ended at or below
    Revision clean_floor = 0;  // the last complete one did
  };
  Round round_;
  Round durable_;  // before the transaction in progress
};

}  // namespace tributary::sqlite
