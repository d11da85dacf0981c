#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/settled.h"

namespace tributary::sqlite {

// Goes along the resources of one scope in the order of ids, as the tables tell of them: by a block
// of copies and the pointers that are newer than it, one block after the other.
class SettledCursor {
 public:
  struct Statements {
    explicit Statements(SQLite::Database& database);

    SQLite::Statement blocks;
    SQLite::Statement until;
    SQLite::Statement newest;
    SQLite::Statement newer;
  };

  // Stands on the first resource at or behind `from`. What it is given must outlive it, and
  // `statements` serve one cursor at a time.
  SettledCursor(Statements& statements, const Scope& scope, std::string_view from);

  // False: there is none left.
  bool Stands() const { return stands_; }
  void Next();

  // The resource it stands on; views are valid until Next.
  std::string_view id() const { return by_entry_ ? entry_.id : newer_id_; }
  // Of its newest change.
  Revision revision() const { return by_pointer_ ? pointer_.revision : entry_.revision; }
  // The state after that change; null: only the log has it.
  const SettledEntry* copy() const {
    return by_entry_ && entry_.kind.has_value() && entry_.revision == revision() ? &entry_
                                                                                 : nullptr;
  }

 private:
  // Goes to the next block; false: there is none.
  bool NextBlock();
  // Looks for pointers in the range of the block that begins at `first`.
  void ReadNewer(std::string_view first, Revision revision);
  std::string Until(std::string_view first);
  // Of the changes in the scope that the tables know.
  Revision ReadNewest();
  void TakeNextEntry();
  void TakeNextPointer();

  Statements& statements_;
  const Scope& scope_;
  const std::string from_;
  const Revision newest_;
  Query blocks_;
  std::optional<Query> newer_;
  std::string range_first_;  // what is bound must not move
  std::string range_until_;
  bool began_ = false;
  bool ended_ = false;

  std::string_view entries_;  // that are left of the block
  SettledEntry entry_;
  bool has_entry_ = false;
  std::string_view newer_id_;
  Pointer pointer_;
  bool has_pointer_ = false;

  // The one it stands on: the entry, the newer pointer, or both.
  bool by_entry_ = false;
  bool by_pointer_ = false;
  bool stands_ = false;
};

}  // namespace tributary::sqlite
