#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/rows.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// A row of the table `delivery`. What it refers to is somebody else's.
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
  int64_t warnings = 0;
  int64_t body_bytes = 0;
  std::string_view remote_address;
};

// Of `delivery AS d`, in the order in which ReadLedgerRow reads them.
inline constexpr char kLedgerColumns[] =
    "d.number, d.received_us, d.connector_id, d.owner_id, d.event, d.resource_id,"
    " d.idempotency_key, d.verdict, d.revision, d.version_time, d.version_rank, d.problem, d.note,"
    " d.fingerprint, d.warnings, d.body_bytes, d.remote_address, d.crc";
inline constexpr int kLedgerColumnCount = 18;

// The row whose columns begin with the first; valid until the next step. Throws DamagedRow if its
// checksum is wrong.
LedgerRow ReadLedgerRow(const Query& query);

// As the ledger tells of it: from its own row, and from that of a change.
DeliveryRecord DeliveryRecordOf(const LedgerRow& row);
DeliveryRecord DeliveryRecordOf(const ChangeRow& row);

// The deliveries on record that have a row of their own: those that made no change, those of which
// there is more to say than their change does, and those whose change has left the log. Part of the
// writer: every call belongs to the transaction in progress on `database`, which must outlive it.
// Not thread-safe.
class Ledger {
 public:
  explicit Ledger(SQLite::Database& database);

  void Record(const LedgerRow& row);
  // What the row of a change knows of its delivery, when the row goes; a row that knows more stays.
  void Record(const ChangeRow& row);

  // nullopt: there is no such row.
  std::optional<Verdict> VerdictOf(int64_t number);
  // Of a row that is there: what became of the delivery when it was judged again.
  void Amend(const Outcome& outcome, const std::optional<Version>& version);

 private:
  static void Write(SQLite::Statement& statement, const LedgerRow& row);

  SQLite::Statement record_;
  SQLite::Statement keep_;
  SQLite::Statement find_;
};

}  // namespace tributary::sqlite
