#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/store/sqlite/sqlite_store.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// Counts the deliveries on record that nothing but a purge, or a replay that is accepted, takes off
// it: those that were parked, and rejected. Part of the writer: calls belong to the transaction in
// progress on `database`. What it is given must outlive it. Not thread-safe.
class OpenDeliveries {
 public:
  OpenDeliveries(SQLite::Database& database, SqliteMetrics& metrics);

  // One with this verdict came on record; was taken off it. Other verdicts count nothing.
  void Added(Verdict verdict) { Count(verdict, 1); }
  void Removed(Verdict verdict) { Count(verdict, -1); }

  // Ends the count in the transaction.
  void Write();

  void Committed();
  void RolledBack() { counts_ = durable_; }

 private:
  enum Which : size_t { kParked, kRejected, kWhich };
  using Counts = std::array<int64_t, kWhich>;

  void Count(Verdict verdict, int64_t n);

  SqliteMetrics& metrics_;
  SQLite::Statement put_meta_;
  Counts counts_ = {};
  Counts durable_ = {};
};

}  // namespace tributary::sqlite
