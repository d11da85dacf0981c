#include "server/store/sqlite/ledger.h"

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/connection.h"

namespace tributary::sqlite {
namespace {

constexpr char kInto[] =
    " INTO delivery (number, received_us, connector_id, owner_id, event, resource_id,"
    " idempotency_key, verdict, revision, version_time, version_rank, problem, note, fingerprint,"
    " warnings, body_bytes, remote_address, crc) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

int64_t RankColumn(const LedgerRow& row) {
  return row.version.has_value() ? static_cast<int64_t>(row.version->rank) : 0;
}

int64_t Checksum(const LedgerRow& row) {
  RowChecksum checksum;
  checksum.Add(row.outcome.delivery)
      .Add(row.received_us)
      .Add(row.connector_id)
      .Add(row.owner_id)
      .Add(row.event)
      .Add(row.resource_id)
      .Add(row.idempotency_key)
      .Add(static_cast<int64_t>(row.outcome.verdict))
      .Add(row.outcome.revision)
      .Add(row.version.value_or(Version{}).time_us)
      .Add(RankColumn(row))
      .Add(row.problem)
      .Add(static_cast<int64_t>(row.note));
  // Rows of older versions of the format have none of these.
  if (!row.fingerprint.empty()) checksum.Add(row.fingerprint);
  if (row.warnings != 0 || row.body_bytes != 0 || !row.remote_address.empty()) {
    checksum.Add(row.warnings).Add(row.body_bytes).Add(row.remote_address);
  }
  return checksum.value();
}

// The event of a change, as far as its row tells.
std::string EventOf(const ChangeRow& row) {
  const char* trigger = row.version.rank == Rank::kDeleted   ? "deleted"
                        : row.version.rank == Rank::kCreated ? "created"
                                                             : "updated";
  return absl::StrCat(row.change.key.model, "::", trigger);
}

LedgerRow LedgerRowOf(const ChangeRow& row, std::string_view event) {
  const Change& change = row.change;
  LedgerRow made;
  made.outcome = {Verdict::kApplied, change.revision, change.delivery};
  made.received_us = change.received_us;
  made.connector_id = change.key.connector_id;
  made.owner_id = change.key.owner_id;
  made.event = event;
  made.resource_id = change.key.id;
  made.idempotency_key = row.idempotency_key;
  made.version = row.version;
  made.note = row.note;
  made.fingerprint = row.fingerprint;
  return made;
}

}  // namespace

LedgerRow ReadLedgerRow(const Query& query) {
  LedgerRow row;
  row.outcome = {static_cast<Verdict>(query.Int(7)), query.Int(8), query.Int(0)};
  row.received_us = query.Int(1);
  row.connector_id = query.Bytes(2);
  row.owner_id = query.Bytes(3);
  row.event = query.Bytes(4);
  row.resource_id = query.Bytes(5);
  row.idempotency_key = query.Bytes(6);
  if (query.Int(10) != 0) {
    row.version = Version{query.Int(9), static_cast<Rank>(query.Int(10)), row.outcome.delivery};
  }
  row.problem = query.Bytes(11);
  row.note = static_cast<Note>(query.Int(12));
  row.fingerprint = query.Bytes(13);
  row.warnings = query.Int(14);
  row.body_bytes = query.Int(15);
  row.remote_address = query.Bytes(16);
  if (query.Int(17) != Checksum(row)) {
    throw DamagedRow(absl::StrCat("delivery ", row.outcome.delivery, ": checksum"));
  }
  return row;
}

DeliveryRecord DeliveryRecordOf(const LedgerRow& row) {
  DeliveryRecord record;
  record.outcome = row.outcome;
  record.received_us = row.received_us;
  record.connector_id = row.connector_id;
  record.owner_id = row.owner_id;
  record.event = row.event;
  record.resource_id = row.resource_id;
  record.idempotency_key = row.idempotency_key;
  record.version = row.version;
  record.key_reused = row.note == Note::kIdempotencyKeyReused;
  record.problem = row.problem;
  record.warnings = row.warnings;
  record.remote_address = row.remote_address;
  record.body_bytes = row.body_bytes;
  return record;
}

DeliveryRecord DeliveryRecordOf(const ChangeRow& row) {
  DeliveryRecord record = DeliveryRecordOf(LedgerRowOf(row, EventOf(row)));
  record.in_history = true;
  return record;
}

Ledger::Ledger(SQLite::Database& database)
    : record_(database, absl::StrCat("INSERT OR REPLACE", kInto)),
      keep_(database, absl::StrCat("INSERT OR IGNORE", kInto)),
      find_(database,
            absl::StrCat("SELECT ", kLedgerColumns, " FROM delivery AS d WHERE d.number = ?")) {}

void Ledger::Write(SQLite::Statement& statement, const LedgerRow& row) {
  Query(statement)
      .Bind(row.outcome.delivery)
      .Bind(row.received_us)
      .Bind(row.connector_id)
      .Bind(row.owner_id)
      .Bind(row.event)
      .Bind(row.resource_id)
      .Bind(row.idempotency_key)
      .Bind(static_cast<int64_t>(row.outcome.verdict))
      .Bind(row.outcome.revision)
      .Bind(row.version.value_or(Version{}).time_us)
      .Bind(RankColumn(row))
      .Bind(row.problem)
      .Bind(static_cast<int64_t>(row.note))
      .Bind(row.fingerprint)
      .Bind(row.warnings)
      .Bind(row.body_bytes)
      .Bind(row.remote_address)
      .Bind(Checksum(row))
      .Run();
}

void Ledger::Record(const LedgerRow& row) { Write(record_, row); }

void Ledger::Record(const ChangeRow& row) {
  const std::string event = EventOf(row);
  Write(keep_, LedgerRowOf(row, event));
}

std::optional<Verdict> Ledger::VerdictOf(int64_t number) {
  Query query(find_);
  query.Bind(number);
  if (!query.Next()) return std::nullopt;
  return ReadLedgerRow(query).outcome.verdict;
}

void Ledger::Amend(const Outcome& outcome, const std::optional<Version>& version) {
  Query query(find_);
  query.Bind(outcome.delivery);
  if (!query.Next()) return;
  // What was read is only valid while the statement stands on it.
  LedgerRow row = ReadLedgerRow(query);
  const DeliveryRecord kept = DeliveryRecordOf(row);
  const std::string fingerprint(row.fingerprint);
  row.outcome = outcome;
  row.version = version;
  row.connector_id = kept.connector_id;
  row.owner_id = kept.owner_id;
  row.event = kept.event;
  row.resource_id = kept.resource_id;
  row.idempotency_key = kept.idempotency_key;
  row.problem = "";
  row.fingerprint = fingerprint;
  row.remote_address = kept.remote_address;
  Write(record_, row);
}

}  // namespace tributary::sqlite
