#include "server/store/sqlite/ledger.h"

#include "server/base/hash.h"

namespace tributary::sqlite {
namespace {

std::string_view BytesOf(const uint64_t& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

Fingerprint FingerprintOf(const Delivery& delivery) {
  Hasher names;
  names.Add(delivery.connector_id)
      .Add(delivery.owner_id)
      .Add(delivery.event)
      .Add(delivery.resource_id)
      .Add(delivery.idempotency_key);
  Fingerprint fingerprint;
  fingerprint.identity = static_cast<int64_t>(names.Finish().low);
  names.Add(BytesOf(delivery.content.high)).Add(BytesOf(delivery.content.low));
  const Digest content = names.Finish();
  fingerprint.content.append(BytesOf(content.high)).append(BytesOf(content.low));
  return fingerprint;
}

// Numbers and times of receipt rise together, so the oldest rows are the first ones: Forget looks
// at no more of them than it may remove.
Ledger::Ledger(SQLite::Database& database)
    : find_(database,
            "SELECT content, revision FROM idempotency WHERE identity = ? AND received_us >= ?"),
      remember_(database,
                "INSERT INTO idempotency (delivery, identity, received_us, revision, content)"
                " VALUES (?,?,?,?,?)"),
      record_(
          database,
          "INSERT INTO delivery (number, received_us, connector_id, owner_id, event, resource_id,"
          " idempotency_key, verdict, revision, version_time, version_rank, problem, note, crc)"
          " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"),
      keep_body_(database, "INSERT INTO body (delivery, crc, body) VALUES (?,?,?)"),
      oldest_(database, "SELECT received_us FROM idempotency ORDER BY delivery LIMIT 1"),
      forget_(database,
              "DELETE FROM idempotency WHERE delivery <= (SELECT max(delivery) FROM"
              " (SELECT delivery, received_us FROM idempotency ORDER BY delivery LIMIT ?)"
              " WHERE received_us < ?)") {}

Seen Ledger::Find(const Fingerprint& fingerprint, int64_t since_us) {
  Seen seen;
  Query query(find_);
  query.Bind(fingerprint.identity).Bind(since_us);
  while (query.Next()) {
    if (query.Bytes(0) == fingerprint.content) {
      seen.duplicate_of = query.Int(1);
      return seen;
    }
    seen.key_reused = true;
  }
  return seen;
}

void Ledger::Remember(const Fingerprint& fingerprint, const Outcome& outcome, int64_t received_us) {
  Query(remember_)
      .Bind(outcome.delivery)
      .Bind(fingerprint.identity)
      .Bind(received_us)
      .Bind(outcome.revision)
      .Bind(fingerprint.content)
      .Run();
}

void Ledger::Record(const Delivery& delivery, const Outcome& outcome, int64_t received_us,
                    const std::optional<Version>& version, Note note) {
  const int64_t time_us = version.has_value() ? version->time_us : 0;
  const auto verdict = static_cast<int64_t>(outcome.verdict);
  const int64_t rank = version.has_value() ? static_cast<int64_t>(version->rank) : 0;
  const int64_t crc = RowChecksum()
                          .Add(outcome.delivery)
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
                          .Add(static_cast<int64_t>(note))
                          .value();
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
      .Bind(crc)
      .Run();
}

void Ledger::KeepBody(int64_t delivery, std::string_view body) {
  Query(keep_body_)
      .Bind(delivery)
      .Bind(RowChecksum().Add(delivery).Add(body).value())
      .Bind(body)
      .Run();
}

void Ledger::Forget(int64_t before_us, int64_t limit) {
  {
    Query oldest(oldest_);
    if (!oldest.Next() || oldest.Int(0) >= before_us) return;
  }
  Query(forget_).Bind(limit).Bind(before_us).Run();
}

}  // namespace tributary::sqlite
