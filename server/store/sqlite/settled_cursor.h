#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/store.h"

namespace tributary::sqlite {

// Goes along the settled copies of one scope.
class SettledCursor {
 public:
  SettledCursor(SQLite::Statement& statement, const Scope& scope, std::string_view from)
      : rows_(statement) {
    rows_.Bind(scope.id).Bind(from);
    more_ = rows_.Next();
  }

  // The copy of the state that `revision` made, if there is one. Keys must rise from call to call.
  std::optional<Record> Find(const Key& key, Revision revision) {
    while (more_ && rows_.Bytes(0) < key.id) more_ = rows_.Next();
    if (!more_ || rows_.Bytes(0) != key.id || rows_.Int(1) != revision) return std::nullopt;
    const SettledRow row = ReadSettled(rows_, 1, key);
    std::optional<Record> record(std::in_place);  // and not moved, as there are many
    record->key = key;
    record->revision = revision;
    record->deleted = row.IsTombstone();
    record->state = row.state;
    return record;
  }

 private:
  Query rows_;
  bool more_;
};

}  // namespace tributary::sqlite
