#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/index_cursor.h"
#include "server/store/sqlite/ledger_reader.h"
#include "server/store/sqlite/overlay.h"
#include "server/store/sqlite/read_budget.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/settled_cursor.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"

namespace tributary::sqlite {

class RecordFilling;

// One read connection and its statements. Every call is one short transaction and shows the store
// as of `head`, a revision that was published before the call: what was committed since is in the
// file, but is passed over. Throws SQLite::Exception, DamagedRow, and Compacted where history
// passed the revision asked for. Not thread-safe; what it is given must outlive it.
class Reader {
 public:
  Reader(const SqliteOptions& options, const Scopes& scopes, const Overlay& overlay,
         const Floors& floors);

  std::optional<Record> Get(const Key& key, bool raw, Revision at, Revision head);
  RecordBatch BatchGet(const BatchQuery& query, Revision at, Revision head);
  RecordPage List(const RecordQuery& query, Revision at, Revision head);
  ChangePage Changes(const ChangeQuery& query, Revision head);
  std::optional<int64_t> CommittedAt(Revision revision, Revision head);
  // Every change in (after, through], hidden ones too, as Commit hands them out.
  std::vector<ChangePtr> Log(Revision after, Revision through);

  DeliveryPage ListDeliveries(const DeliveryQuery& query, Revision head);
  std::optional<DeliveryRecord> GetDelivery(int64_t number, Revision head);

  // A snapshot outlives its call, because to begin one costs more than to read a row; the next call
  // goes on with it if nothing was committed since. This ends it.
  void EndSnapshot();
  // After a failure: that too, and the next call reads from the file, not from memory.
  void Forget();

 private:
  class Filling;
  class IndexMerge;
  class Lookup;

  // Sees that a snapshot of `head` is open.
  void Begin(Revision head);

  // A statement in two forms: without and with the raw resource.
  struct Pair {
    Pair(SQLite::Database& database, std::string_view rest, std::string_view columns = "");
    SQLite::Statement& operator[](bool raw) { return raw ? with_raw : without_raw; }
    SQLite::Statement without_raw;
    SQLite::Statement with_raw;
  };

  // Sees that the snapshot fits to an answer of the overlay.
  void Cover(const Overlay::Age& age);
  // An answer of the overlay, with a snapshot that fits to it.
  template <typename Answer>
  Answer Covered(Answer answer) {
    Cover(answer.age);
    return answer;
  }

  // The row of the resource that was the newest at `at`, from that of `revision` back.
  std::optional<ChangeRow> WalkBack(Revision revision, const Scope& scope, std::string_view id,
                                    Revision at, bool raw);
  // Likewise; `query` stands on its pointer and newest row.
  std::optional<ChangeRow> JoinedRow(const Query& query, const Scope& scope, std::string_view id,
                                     Revision at, bool raw);
  std::optional<Record> Find(const Scope& scope, std::string_view id, Revision at, bool raw);
  RecordPage ListFiltered(const RecordQuery& query, Revision at, ReadBudget& budget);
  RecordPage ListByIndex(const RecordQuery& query, Revision at, ReadBudget& budget);
  // The resource that the index names, if it has the value.
  std::optional<Record> Verified(const Scope& scope, const Overlay::Candidate& candidate,
                                 uint32_t field, Revision at, bool raw);
  RecordPage ListAll(const RecordQuery& query, Revision at, ReadBudget& budget);
  // False: the page is full. `last` becomes the last id that was looked at, if any was.
  bool ListScope(const RecordQuery& query, const Scope& scope, std::string_view from,
                 ReadBudget& budget, RecordFilling& filling, std::string& last);
  void ScanScopes(const ChangeQuery& query, const std::vector<const Scope*>& covered,
                  Filling& filling);
  void ScanAll(const ChangeQuery& query, Filling& filling);
  // The row of the log, which must be of `scope`; nullopt: there is none.
  std::optional<ChangeRow> FindLog(Revision revision, const Scope& scope, bool raw);
  // Returns if the row, which would show the state at `at`, was a tombstone that is gone; else
  // throws what it means that it is missing.
  void MissingOrGone(Revision revision, Revision at) const;
  // Sets the state that `change`, of `scope`, replaced, where `query` wants it.
  void AddBefore(Change& change, const Scope& scope, const ChangeQuery& query);

  const SqliteOptions& options_;
  const Scopes& scopes_;
  const Overlay& overlay_;
  const Floors& floors_;
  const std::unique_ptr<SQLite::Database> database_;
  SQLite::Statement begin_;
  SQLite::Statement end_;
  Pair find_;
  SettledCursor::Statements settled_;
  Pair log_;
  Pair scan_;
  SQLite::Statement scan_scope_;
  SQLite::Statement scope_of_;
  IndexStatements index_;
  LedgerReader ledger_;

  // The snapshot that is open: it holds at least what was committed up to `head_`, and the first
  // `drops_` layers that the overlay dropped.
  bool open_ = false;
  Revision head_ = 0;
  uint64_t drops_ = 0;
};

}  // namespace tributary::sqlite
