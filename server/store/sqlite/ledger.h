#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/rows.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// A row of the table `delivery`.
struct LedgerRow {
  Outcome outcome;
  int64_t received_us = 0;
  std::string_view connector_id;
  std::string_view owner_id;
  std::string_view event;
  std::string_view resource_id;
  std::string_view idempotency_key;
  std::optional<Version> version;  // what its own state was judged by; none: it was not judged
  std::string_view problem;
  Note note = Note::kNone;
  std::string_view fingerprint;  // encoded; empty: it does not count in the check for duplicates
};

// The deliveries on record: rows for those that have none in the log, and bodies. Part of the
// writer: every call belongs to the transaction in progress on `database`, which must outlive it.
// Not thread-safe.
class Ledger {
 public:
  explicit Ledger(SQLite::Database& database);

  void Record(const LedgerRow& row);
  // Likewise of a delivery that was applied, when the row of its change goes.
  void Record(const ChangeRow& row);
  void KeepBody(int64_t delivery, std::string_view body);

 private:
  SQLite::Statement record_;
  SQLite::Statement keep_body_;
};

}  // namespace tributary::sqlite
