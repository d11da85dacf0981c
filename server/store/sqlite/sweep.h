#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/settled.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// Copies the states that stand into the blocks of `settled`, so that who reads in key order finds
// them side by side and not at random places of the log. Copies, and no more: what a pointer names
// counts where it is newer than its block, so the table may lag behind or be empty. One sweep goes
// once through all blocks, and costs a write only where a state changed since the last one.
//
// Part of the writer: not thread-safe. What it is given must outlive it.
class Sweep {
 public:
  Sweep(SQLite::Database& database, const Scopes& scopes, const Floors& floors);

  // A sweep is under way, or changed enough to be worth its reading. `applied`: the pointers are
  // complete up to this revision.
  bool Due(Revision applied) const;

  // Goes on with a sweep, or begins one, within the transaction in progress.
  void WriteSlice(Revision applied);
  // After it. True: a sweep is complete.
  bool Committed();
  void RolledBack();

 private:
  // Where the sweep under way stands.
  struct Progress {
    bool under_way = false;
    Revision began = 0;               // `applied` at that time
    int64_t scope = 0;                // the last one begun
    std::optional<std::string> from;  // the next of its ids; none: it is done
    int64_t resources = 0;
  };
  struct Newer {
    std::string id;
    Revision revision;
  };
  // The range of a block under way: what was read for it, and what it becomes.
  struct Range {
    SettledBlocks::Placed was;
    std::vector<Newer> newer;
    bool cut = false;  // more of it is newer than a slice takes
    std::deque<ChangeRow> rows;
    std::vector<SettledEntry> entries;
  };

  // The scope under way, or the next one; null: that were all.
  const Scope* NextScope();
  // Looks at the next block, and returns how many copies it made; all of a slice's where `room` is
  // not enough for it.
  size_t SweepBlock(Revision applied, size_t room);
  Range ReadRange(const Scope& scope, std::string_view from);
  void ReadNewer(const Scope& scope, Range& range);
  // The entries of the block, with those that are newer in their place.
  void Merge(const Scope& scope, Range& range);
  SettledEntry EntryOf(const Scope& scope, const Newer& newer, Range& range);
  // Writes the range as blocks; returns where the next one begins.
  std::string Write(const Scope& scope, const Range& range, Revision applied);

  const Scopes& scopes_;
  const Floors& floors_;
  SettledBlocks blocks_;
  SQLite::Statement next_scope_;
  SQLite::Statement newer_;
  SQLite::Statement read_;
  SQLite::Statement note_;

  Revision swept_ = 0;     // `applied` when the last complete sweep began
  int64_t resources_ = 0;  // that it passed
  Progress progress_;      // durable
  Progress next_;          // in the transaction in progress
};

}  // namespace tributary::sqlite
