#include "server/store/sqlite/ledger.h"

#include "absl/strings/str_cat.h"
#include "server/base/hash.h"

namespace tributary::sqlite {

Ledger::Ledger(SQLite::Database& database)
    : record_(
          database,
          "INSERT INTO delivery (number, received_us, connector_id, owner_id, event, resource_id,"
          " idempotency_key, verdict, revision, version_time, version_rank, problem, note, crc,"
          " fingerprint) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"),
      keep_body_(database, "INSERT INTO body (delivery, crc, body) VALUES (?,?,?)") {}

void Ledger::Record(const LedgerRow& row) {
  const Version version = row.version.value_or(Version{});
  const int64_t rank = row.version.has_value() ? static_cast<int64_t>(version.rank) : 0;
  const auto verdict = static_cast<int64_t>(row.outcome.verdict);
  RowChecksum checksum;
  checksum.Add(row.outcome.delivery)
      .Add(row.received_us)
      .Add(row.connector_id)
      .Add(row.owner_id)
      .Add(row.event)
      .Add(row.resource_id)
      .Add(row.idempotency_key)
      .Add(verdict)
      .Add(row.outcome.revision)
      .Add(version.time_us)
      .Add(rank)
      .Add(row.problem)
      .Add(static_cast<int64_t>(row.note));
  if (!row.fingerprint.empty()) checksum.Add(row.fingerprint);
  Query(record_)
      .Bind(row.outcome.delivery)
      .Bind(row.received_us)
      .Bind(row.connector_id)
      .Bind(row.owner_id)
      .Bind(row.event)
      .Bind(row.resource_id)
      .Bind(row.idempotency_key)
      .Bind(verdict)
      .Bind(row.outcome.revision)
      .Bind(version.time_us)
      .Bind(rank)
      .Bind(row.problem)
      .Bind(static_cast<int64_t>(row.note))
      .Bind(checksum.value())
      .Bind(row.fingerprint)
      .Run();
}

void Ledger::Record(const ChangeRow& row) {
  const Change& change = row.change;
  const char* trigger = row.version.rank == Rank::kDeleted   ? "deleted"
                        : row.version.rank == Rank::kCreated ? "created"
                                                             : "updated";
  const std::string event = absl::StrCat(change.key.model, "::", trigger);
  Record({.outcome = {Verdict::kApplied, change.revision, change.delivery},
          .received_us = change.received_us,
          .connector_id = change.key.connector_id,
          .owner_id = change.key.owner_id,
          .event = event,
          .resource_id = change.key.id,
          .idempotency_key = row.idempotency_key,
          .version = row.version,
          .problem = {},
          .note = row.note,
          .fingerprint = row.fingerprint});
}

void Ledger::KeepBody(int64_t delivery, std::string_view body) {
  Query(keep_body_)
      .Bind(delivery)
      .Bind(RowChecksum().Add(delivery).Add(body).value())
      .Bind(body)
      .Run();
}

}  // namespace tributary::sqlite
