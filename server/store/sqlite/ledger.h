#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/rows.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// The deliveries on record: rows for those that made no change of their own, and bodies. Part of
// the writer: every call belongs to the transaction in progress on `database`, which must outlive
// it. Not thread-safe.
class Ledger {
 public:
  explicit Ledger(SQLite::Database& database);

  // The row of a delivery that made no change of its own. `version` is what its own state was
  // judged by; none: it was not judged. `fingerprint` is for the check for duplicates, encoded;
  // empty: it does not count there.
  void Record(const Delivery& delivery, const Outcome& outcome, int64_t received_us,
              const std::optional<Version>& version, Note note, std::string_view fingerprint);
  void KeepBody(int64_t delivery, std::string_view body);

 private:
  SQLite::Statement record_;
  SQLite::Statement keep_body_;
};

}  // namespace tributary::sqlite
