#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/types.h"

// Rows of the table `settled`: blocks of copies of states, in key order. The blocks of a scope part
// the ids among them: one holds those from its `first` on that are before the next one's, the first
// of a scope begins at the empty id. A block tells all of its range as of its revision; what a
// pointer there names beyond that has changed since.
namespace tributary::sqlite {

// One resource in a block.
struct SettledEntry {
  std::string_view id;
  Revision revision = 0;
  std::optional<ChangeKind> kind;  // none: there is no copy, only the log tells
  std::string_view state;

  bool IsTombstone() const { return kind.has_value() && tributary::IsTombstone(*kind); }
};

struct SettledBlock {
  std::string first;
  Revision revision = 0;
  int64_t resources = 0;
  std::string entries;  // encoded, in the order of ids
};

// Behind every id.
std::string_view BehindAllIds();

size_t EntryBytes(const SettledEntry& entry);
void AppendEntry(std::string& entries, const SettledEntry& entry);
// Takes an entry off the front of `entries`, which it refers to. False: there is none. Throws
// DamagedRow.
bool TakeEntry(std::string_view& entries, SettledEntry& entry);

int64_t BlockChecksum(const Scope& scope, std::string_view first, Revision revision,
                      std::string_view entries);

// Throws DamagedRow if the table, where its block begins at `first`, and its index, where it begins
// at `first_in_index`, contradict each other. Where they do not, one may do without a block whose
// content is damaged: the pointers of its range tell all that it did.
void CheckPlace(std::string_view first, std::string_view first_in_index);

// What the writer does with blocks, within the transaction in progress.
class SettledBlocks {
 public:
  explicit SettledBlocks(SQLite::Database& database);

  // A block and its place in the table.
  struct Placed {
    SettledBlock block;
    std::optional<int64_t> number;  // none: it is not in the table
    std::string until;              // where the next one begins
    bool is_last = true;            // of its scope
  };
  // The block that `id` falls into: an empty one of revision 0 where there is none, or where its
  // content is damaged. Throws DamagedRow if it is not certain where it begins.
  Placed Covering(const Scope& scope, std::string_view id);
  // The same without its entries.
  Placed Outline(const Scope& scope, std::string_view id);

  // Puts it in the place of block `number`, or in a new one.
  void Put(const Scope& scope, const SettledBlock& block, std::optional<int64_t> number);
  // The range goes to the block before it, which there must be.
  void Remove(int64_t number);

  // The pointer of this tombstone goes: no copy may show what was there before it.
  void Forget(const Scope& scope, std::string_view id, Revision revision);

 private:
  SQLite::Statement outline_;
  SQLite::Statement read_;
  SQLite::Statement until_;
  SQLite::Statement put_;
  SQLite::Statement remove_;
};

}  // namespace tributary::sqlite
