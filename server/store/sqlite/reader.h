#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/store.h"

namespace tributary::sqlite {

// One read connection and its statements. Every call is one short transaction and shows the store
// as of `head`, a revision that was published before the call: what was committed since is in the
// file, but is passed over. Throws SQLite::Exception and DamagedRow. Not thread-safe; `scopes` must
// outlive it.
class Reader {
 public:
  Reader(const std::string& path, size_t cache_bytes, const Scopes& scopes);

  std::optional<Record> Get(const Key& key, bool raw, Revision head);
  RecordBatch BatchGet(const BatchQuery& query, Revision head);
  RecordPage List(const RecordQuery& query, Revision at);
  ChangePage Changes(const ChangeQuery& query, Revision head);
  std::optional<int64_t> CommittedAt(Revision revision);

 private:
  class Snapshot;
  class Budget;

  // A statement in two forms: without and with the raw resource.
  struct Pair {
    Pair(SQLite::Database& database, std::string_view rest, std::string_view columns = "");
    SQLite::Statement& operator[](bool raw) { return raw ? with_raw : without_raw; }
    SQLite::Statement without_raw;
    SQLite::Statement with_raw;
  };

  // The row of the resource that was the newest at `at`; `query` stands on its pointer and newest
  // row.
  std::optional<ChangeRow> RowAt(const Query& query, const Scope& scope, std::string_view id,
                                 Revision at, bool raw);
  std::optional<Record> Find(const Scope& scope, std::string_view id, Revision at, bool raw);
  // False: the page is full.
  bool ListScope(const RecordQuery& query, const Scope& scope, std::string_view from,
                 Budget& budget, RecordPage& page, size_t& bytes);
  // The row of the log, which must be there and of `scope`.
  ChangeRow ReadLog(Revision revision, const Scope& scope, bool raw);
  ChangePtr ReadChangeOf(Revision revision, const Scope& scope, const ChangeQuery& query);

  const Scopes& scopes_;
  const std::unique_ptr<SQLite::Database> database_;
  SQLite::Statement begin_;
  SQLite::Statement end_;
  Pair find_;
  Pair list_;
  Pair log_;
  SQLite::Statement scan_all_;
  SQLite::Statement scan_scope_;
};

}  // namespace tributary::sqlite
