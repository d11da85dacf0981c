#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// Of `body AS b`, in the order in which ReadBody reads them, behind the delivery's number.
inline constexpr char kBodyColumns[] = "b.size, b.crc, b.body";

// The body of `delivery` as it was received. Throws DamagedRow.
std::string ReadBody(const Query& query, int first, int64_t delivery);

// The bodies that the ledger keeps, compressed, and what they take. Part of the writer: calls
// belong to the transaction in progress on `database`. What it is given must outlive it. Not
// thread-safe.
class Bodies {
 public:
  // What is given up first where there is no room for all.
  enum class Worth : uint8_t { kAccepted = 0, kRejected = 1, kParked = 2 };
  static Worth WorthOf(Verdict verdict);

  // `bytes_max`: that all of them may take.
  Bodies(SQLite::Database& database, int64_t bytes_max, SqliteMetrics& metrics);

  void Keep(int64_t delivery, Worth worth, std::string_view body);
  void Revalue(int64_t delivery, Worth worth);
  void Drop(int64_t delivery);
  // Drops the oldest of accepted deliveries, if it is of `number` or older; false: there is none.
  bool DropAccepted(int64_t number);
  // Drops what has no room any more, as much of it as one transaction may. Ends the work on bodies
  // in it.
  void Trim();

  void Committed();
  void RolledBack();

 private:
  // Drops the oldest of `worth`; 0: there is none.
  int64_t DropOldest(Worth worth, int64_t number_max);

  const int64_t bytes_max_;
  SqliteMetrics& metrics_;
  SQLite::Statement keep_;
  SQLite::Statement revalue_;
  SQLite::Statement size_of_;
  SQLite::Statement drop_;
  SQLite::Statement oldest_;
  SQLite::Statement put_meta_;
  int64_t bytes_ = 0;
  int64_t durable_bytes_ = 0;
  std::array<uint64_t, 3> dropped_ = {};  // for want of room, by worth, since the last commit
};

}  // namespace tributary::sqlite
