#include "server/store/sqlite/settled_cursor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace tributary::sqlite {
namespace {

// Columns of `blocks`.
enum : int { kFirstInIndex, kFirst, kRevision, kCrc, kEntries };

constexpr int kPointerAt = 1;  // in `newer`, behind the id

}  // namespace

SettledCursor::Statements::Statements(SQLite::Database& database)
    : blocks(database,
             "SELECT s.first, b.first, b.revision, b.crc, b.entries"
             " FROM settled AS s LEFT JOIN settled AS b ON b.number = s.number"
             " WHERE s.scope = ?1 AND s.first >= coalesce("
             "   (SELECT max(c.first) FROM settled AS c WHERE c.scope = ?1 AND c.first <= ?2), x'')"
             " ORDER BY s.first"),
      until(database, "SELECT min(first) FROM settled WHERE scope = ? AND first > ?"),
      newest(database, "SELECT max(revision) FROM change_of_scope WHERE scope = ?"),
      newer(database, absl::StrCat("SELECT r.id, ", kPointerColumns,
                                   " FROM resource AS r WHERE r.scope = ? AND r.id >= ?"
                                   " AND r.id < ? AND r.revision > ? ORDER BY r.id")) {}

SettledCursor::SettledCursor(Statements& statements, const Scope& scope, std::string_view from)
    : statements_(statements),
      scope_(scope),
      from_(from),
      newest_(ReadNewest()),
      blocks_(statements.blocks) {
  blocks_.Bind(scope_.id).Bind(from_);
  Next();
}

void SettledCursor::Next() {
  if (by_entry_) TakeNextEntry();
  if (by_pointer_) TakeNextPointer();
  by_entry_ = by_pointer_ = false;
  while (!has_entry_ && !has_pointer_) {
    if (!NextBlock()) {
      stands_ = false;
      return;
    }
  }
  const int order = !has_entry_ ? 1 : !has_pointer_ ? -1 : entry_.id.compare(newer_id_);
  by_entry_ = order <= 0;
  by_pointer_ = order >= 0;
  stands_ = true;
}

bool SettledCursor::NextBlock() {
  if (ended_) return false;
  ended_ = !blocks_.Next();
  if (ended_) {
    if (began_) return false;
    ReadNewer("", 0);  // nothing was settled yet: all of the scope is newer
    return true;
  }
  began_ = true;
  const std::string_view first = blocks_.Bytes(kFirst);
  CheckPlace(first, blocks_.Bytes(kFirstInIndex));
  Revision revision = blocks_.Int(kRevision);
  entries_ = blocks_.Bytes(kEntries);
  if (blocks_.Int(kCrc) != BlockChecksum(scope_, first, revision, entries_)) {
    LogError("store: damaged copies are passed over: the log has what they were made of");
    revision = 0;
    entries_ = {};
  }
  do {
    TakeNextEntry();
  } while (has_entry_ && entry_.id < from_);
  ReadNewer(first, revision);
  return true;
}

void SettledCursor::ReadNewer(std::string_view first, Revision revision) {
  // What the tables do not know completely is in the overlay.
  if (newest_ <= revision) return;
  newer_.reset();
  range_until_ = Until(first);
  range_first_ = std::max(first, std::string_view(from_));
  newer_.emplace(statements_.newer);
  newer_->Bind(scope_.id).Bind(range_first_).Bind(range_until_).Bind(revision);
  TakeNextPointer();
}

std::string SettledCursor::Until(std::string_view first) {
  Query row(statements_.until);
  row.Bind(scope_.id).Bind(first);
  row.Next();
  return std::string(row.IsNull(0) ? BehindAllIds() : row.Bytes(0));
}

Revision SettledCursor::ReadNewest() {
  Query row(statements_.newest);
  row.Bind(scope_.id);
  row.Next();
  return row.Int(0);
}

void SettledCursor::TakeNextEntry() { has_entry_ = TakeEntry(entries_, entry_); }

void SettledCursor::TakeNextPointer() {
  has_pointer_ = newer_->Next();
  if (!has_pointer_) return;
  newer_id_ = newer_->Bytes(0);
  pointer_ = ReadPointer(*newer_, kPointerAt, scope_.KeyOf(newer_id_));
}

}  // namespace tributary::sqlite
