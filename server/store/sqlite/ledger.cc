#include "server/store/sqlite/ledger.h"

#include "server/base/hash.h"

namespace tributary::sqlite {

Ledger::Ledger(SQLite::Database& database)
    : record_(
          database,
          "INSERT INTO delivery (number, received_us, connector_id, owner_id, event, resource_id,"
          " idempotency_key, verdict, revision, version_time, version_rank, problem, note, crc,"
          " fingerprint) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"),
      keep_body_(database, "INSERT INTO body (delivery, crc, body) VALUES (?,?,?)") {}

void Ledger::Record(const Delivery& delivery, const Outcome& outcome, int64_t received_us,
                    const std::optional<Version>& version, Note note,
                    std::string_view fingerprint) {
  const int64_t time_us = version.has_value() ? version->time_us : 0;
  const auto verdict = static_cast<int64_t>(outcome.verdict);
  const int64_t rank = version.has_value() ? static_cast<int64_t>(version->rank) : 0;
  RowChecksum checksum;
  checksum.Add(outcome.delivery)
      .Add(received_us)
      .Add(delivery.connector_id)
      .Add(delivery.owner_id)
      .Add(delivery.event)
      .Add(delivery.resource_id)
      .Add(delivery.idempotency_key)
      .Add(verdict)
      .Add(outcome.revision)
      .Add(time_us)
      .Add(rank)
      .Add(delivery.problem)
      .Add(static_cast<int64_t>(note));
  if (!fingerprint.empty()) checksum.Add(fingerprint);
  Query(record_)
      .Bind(outcome.delivery)
      .Bind(received_us)
      .Bind(delivery.connector_id)
      .Bind(delivery.owner_id)
      .Bind(delivery.event)
      .Bind(delivery.resource_id)
      .Bind(delivery.idempotency_key)
      .Bind(verdict)
      .Bind(outcome.revision)
      .Bind(time_us)
      .Bind(rank)
      .Bind(delivery.problem)
      .Bind(static_cast<int64_t>(note))
      .Bind(checksum.value())
      .Bind(fingerprint)
      .Run();
}

void Ledger::KeepBody(int64_t delivery, std::string_view body) {
  Query(keep_body_)
      .Bind(delivery)
      .Bind(RowChecksum().Add(delivery).Add(body).value())
      .Bind(body)
      .Run();
}

}  // namespace tributary::sqlite
