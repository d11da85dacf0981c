#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/rows.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// What the check for duplicates keeps of a delivery: `identity` of its names and idempotency key,
// `content` of these and what it says.
struct Fingerprint {
  int64_t identity = 0;
  std::string content;  // 16 bytes
};
Fingerprint FingerprintOf(const Delivery& delivery);

// What the ledger knows of deliveries with the same names and idempotency key.
struct Seen {
  std::optional<Revision> duplicate_of;  // the same content came before; with this revision
  bool key_reused = false;               // the key came before with other content
};

// The deliveries on record: rows for those that made no change of their own, bodies, and the memory
// of the check for duplicates. Part of the writer: every call belongs to the transaction in
// progress on `database`, which must outlive it. Not thread-safe.
class Ledger {
 public:
  explicit Ledger(SQLite::Database& database);

  // Looks among what was remembered since `since_us`.
  Seen Find(const Fingerprint& fingerprint, int64_t since_us);
  void Remember(const Fingerprint& fingerprint, const Outcome& outcome, int64_t received_us);

  // The row of a delivery that made no change of its own. `version` is what its own state was
  // judged by; none: it was not judged.
  void Record(const Delivery& delivery, const Outcome& outcome, int64_t received_us,
              const std::optional<Version>& version, Note note);
  void KeepBody(int64_t delivery, std::string_view body);

  // Forgets at most `limit` of the oldest fingerprints from before `before_us`.
  void Forget(int64_t before_us, int64_t limit);

 private:
  SQLite::Statement find_;
  SQLite::Statement remember_;
  SQLite::Statement record_;
  SQLite::Statement keep_body_;
  SQLite::Statement oldest_;
  SQLite::Statement forget_;
};

}  // namespace tributary::sqlite
