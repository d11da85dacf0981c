#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "server/store/sqlite/overlay.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/sqlite_store.h"

namespace tributary::sqlite {

// Writes the frozen layer of the overlay to the tables in key order, a slice per commit and within
// its transaction, so that a commit is never kept waiting for all of it, and a page that holds
// several of its rows is written once. A stored watermark says up to where the tables are complete;
// Recover finds the rest in the log. A slice that is written twice changes nothing.
//
// Part of the writer: not thread-safe. What it is given must outlive it.
class LateWork {
 public:
  LateWork(SQLite::Database& database, const Scopes& scopes, Overlay& overlay,
           const SqliteOptions& options);

  // Fills the overlay with what the log holds above the watermark. Calls `step` now and then.
  void Recover(const std::function<void()>& step);

  // A version rises without a change: notes it where Recover finds it. Within the transaction.
  void NoteRaise(const Scope& scope, std::string_view id, const Pointer& pointer);

  // Within the transaction: writes a slice in proportion to `weight`, so that a layer is written
  // long before the next one is full.
  void WriteSlice(size_t weight);
  // After it: the slice is durable, or was rolled back.
  void Committed();
  void RolledBack();

  // Freezes what there is for WriteSlice, if it weighs so much and no layer is frozen. True: there
  // is one to be written.
  bool Begin(size_t weight_min);

  // The tables are complete up to here.
  Revision applied() const { return applied_; }

 private:
  // How far the frozen layer was written.
  struct Cursor {
    Pointers::const_iterator pointer;
    absl::btree_map<int64_t, std::vector<Revision>>::const_iterator scope;
    size_t index = 0;  // within the revisions of `scope`
    EntryEventsByKey::const_iterator entry;
    bool finished = false;
  };

  void Take(Overlay::LayerPtr layer);
  // Each writes at most so many rows and answers how many.
  size_t WritePointers(size_t rows);
  size_t WriteRevisions(size_t rows);
  size_t WriteEntries(size_t rows);
  void WriteWatermark();
  size_t EntriesPerChange() const;
  const Scope& ScopeOf(int64_t id);
  class RecoveredIndex;
  class RecoveredDamage;
  Overlay::Added ReadRaises(int64_t after_delivery);

  const Scopes& scopes_;
  Overlay& overlay_;
  const SqliteOptions& options_;
  const size_t weight_max_;
  SQLite::Database& database_;
  SQLite::Statement put_pointer_;
  SQLite::Statement put_revision_;
  SQLite::Statement open_entry_;
  SQLite::Statement close_entry_;
  SQLite::Statement put_raise_;
  SQLite::Statement put_watermark_;
  SQLite::Statement delete_raises_;
  Overlay::LayerPtr layer_;  // the frozen one
  Revision applied_ = 0;
  Cursor written_;  // durable
  Cursor writing_;  // in the transaction in progress
  const Scope* last_scope_ = nullptr;
  int64_t raises_until_ = 0;  // notes of deliveries up to it are of no use any more
  bool raises_left_ = false;
};

}  // namespace tributary::sqlite
