#include "server/store/sqlite/reader.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/strings.h"

namespace tributary::sqlite {
namespace {

// Where the columns of `change` begin in a statement that reads the pointer first, behind the id.
constexpr int kPointerAt = 1;
constexpr int kChangeAt = kPointerAt + kPointerColumnCount;

constexpr char kPointerAndChange[] =
    " FROM resource AS r LEFT JOIN change AS c ON c.revision = r.revision";

Record RecordOf(ChangeRow row) {
  Record record;
  record.revision = row.change.revision;
  record.deleted = row.IsTombstone();
  record.key = std::move(row.change.key);
  record.state = std::move(row.change.state);
  record.raw = std::move(row.change.raw);
  return record;
}

size_t Bytes(const Record& record) {
  const Key& key = record.key;
  return record.state.size() + record.raw.size() + key.model.size() + key.connector_id.size() +
         key.owner_id.size() + key.id.size();
}

}  // namespace

// A read transaction: all statements in its lifetime see one state of the file.
class Reader::Snapshot {
 public:
  explicit Snapshot(Reader& reader) : end_(reader.end_) { Query(reader.begin_).Run(); }
  ~Snapshot() {
    end_.tryExecuteStep();
    end_.tryReset();
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  SQLite::Statement& end_;
};

// How much one call may look at: a long transaction would keep the write-ahead log from starting
// over.
class Reader::Budget {
 public:
  // False: it is used up, and this row is for the next call.
  bool Take() {
    ++rows_;
    if (rows_ <= kRowsMin) return true;
    if (rows_ > kRowsMax) return false;
    return rows_ % kRowsMin != 0 || std::chrono::steady_clock::now() - begin_ < kTimeMax;
  }

 private:
  static constexpr int kRowsMin = 64;  // so that a slow disk does not keep it from getting anywhere
  static constexpr int kRowsMax = 1024;
  static constexpr std::chrono::milliseconds kTimeMax{5};

  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  int rows_ = 0;
};

Reader::Pair::Pair(SQLite::Database& database, std::string_view rest, std::string_view columns)
    : without_raw(database, absl::StrCat("SELECT ", Absl(columns), kChangeColumns, Absl(rest))),
      with_raw(database,
               absl::StrCat("SELECT ", Absl(columns), kChangeColumns, ", c.raw", Absl(rest))) {}

Reader::Reader(const std::string& path, size_t cache_bytes, const Scopes& scopes)
    : scopes_(scopes),
      database_(OpenForReading(path, cache_bytes)),
      begin_(*database_, "BEGIN"),
      end_(*database_, "COMMIT"),
      find_(*database_, absl::StrCat(kPointerAndChange, " WHERE r.scope = ? AND r.id = ?"),
            absl::StrCat("r.id, ", kPointerColumns, ", ")),
      list_(*database_,
            absl::StrCat(kPointerAndChange, " WHERE r.scope = ? AND r.id >= ? ORDER BY r.id"),
            absl::StrCat("r.id, ", kPointerColumns, ", ")),
      log_(*database_, " FROM change AS c WHERE c.revision = ?"),
      scan_all_(*database_,
                "SELECT revision, scope FROM change WHERE revision > ? AND revision <= ?"
                " ORDER BY revision"),
      scan_scope_(*database_,
                  "SELECT revision, scope FROM change WHERE revision > ? AND revision <= ?"
                  " AND scope = ? ORDER BY revision") {}

std::optional<Record> Reader::Get(const Key& key, bool raw, Revision head) {
  const Scope* scope = scopes_.Find(key);
  if (scope == nullptr) return std::nullopt;
  const Snapshot snapshot(*this);
  return Find(*scope, key.id, head, raw);
}

RecordBatch Reader::BatchGet(const BatchQuery& query, Revision head) {
  RecordBatch batch;
  batch.revision = head;
  const Scope* scope = scopes_.Find(query.scope);
  const Snapshot snapshot(*this);
  absl::flat_hash_set<std::string> seen;
  size_t bytes = 0;
  for (const std::string& id : query.ids) {
    if (!seen.insert(id).second) continue;
    if (!batch.unread.empty()) {
      batch.unread.push_back(id);
      continue;
    }
    std::optional<Record> record;
    if (scope != nullptr) record = Find(*scope, id, head, query.raw);
    if (!record.has_value() || record->deleted) {
      batch.missing.push_back(id);
      continue;
    }
    bytes += Bytes(*record);
    if (bytes > query.max_bytes && !batch.records.empty()) {
      batch.unread.push_back(id);
    } else {
      batch.records.push_back(std::move(*record));
    }
  }
  return batch;
}

RecordPage Reader::List(const RecordQuery& query, Revision at) {
  RecordPage page;
  page.revision = at;
  Budget budget;
  size_t bytes = 0;
  const Scope* scope = scopes_.Seek(
      query.selection, query.after.has_value() ? ScopeName(*query.after) : ScopeName("", "", ""));
  const Snapshot snapshot(*this);
  std::string from;
  if (query.after.has_value() && scope != nullptr && scope->Holds(*query.after)) {
    from = query.after->id + '\0';  // the smallest id behind it
  }
  while (scope != nullptr) {
    if (!ListScope(query, *scope, from, budget, page, bytes)) return page;
    from.clear();
    scope = scopes_.After(query.selection, *scope);
  }
  page.next.reset();
  return page;
}

bool Reader::ListScope(const RecordQuery& query, const Scope& scope, std::string_view from,
                       Budget& budget, RecordPage& page, size_t& bytes) {
  Query rows(list_[query.raw]);
  rows.Bind(scope.id).Bind(from);
  while (rows.Next()) {
    // `page.next` names the last key that was looked at, which is not this one yet.
    if (page.records.size() >= static_cast<size_t>(std::max(query.max_records, 1))) return false;
    if (!budget.Take()) return false;
    const std::string_view id = rows.Bytes(0);
    std::optional<ChangeRow> row = RowAt(rows, scope, id, page.revision, query.raw);
    if (row.has_value() && !row->IsTombstone()) {
      Record record = RecordOf(std::move(*row));
      bytes += Bytes(record);
      if (bytes > query.max_bytes && !page.records.empty()) return false;
      page.next = record.key;
      page.records.push_back(std::move(record));
    } else {
      page.next = scope.KeyOf(id);
    }
  }
  return true;
}

ChangePage Reader::Changes(const ChangeQuery& query, Revision head) {
  ChangePage page;
  page.head = head;
  page.through = std::max(query.after, std::min(query.through.value_or(head), head));
  const Scope* first = scopes_.Seek(query.selection, ScopeName("", "", ""));
  if (first == nullptr || page.through <= query.after) return page;
  const bool one_scope = scopes_.After(query.selection, *first) == nullptr;

  absl::flat_hash_map<int64_t, const Scope*> covered;  // null: not
  const auto find_covered = [&](int64_t id) {
    const auto [at, inserted] = covered.try_emplace(id, nullptr);
    if (inserted) {
      const Scope* scope = scopes_.Find(id);
      if (scope == nullptr) throw DamagedRow(absl::StrCat("scope ", id, " is not known"));
      if (query.selection.Covers(scope->KeyOf(""))) at->second = scope;
    }
    return at->second;
  };

  const Snapshot snapshot(*this);
  Budget budget;
  size_t bytes = 0;
  Query rows(one_scope ? scan_scope_ : scan_all_);
  rows.Bind(query.after).Bind(page.through);
  if (one_scope) rows.Bind(first->id);
  Revision looked_at = query.after;
  while (rows.Next()) {
    const Revision revision = rows.Int(0);
    const Scope* scope = nullptr;
    bool full = page.changes.size() >= static_cast<size_t>(std::max(query.max_changes, 1)) ||
                !budget.Take();
    if (!full) scope = find_covered(rows.Int(1));
    ChangePtr change = scope == nullptr ? nullptr : ReadChangeOf(revision, *scope, query);
    if (change != nullptr && change->kind != ChangeKind::kHidden) {
      bytes += change->Bytes();
      full = bytes > query.max_bytes && !page.changes.empty();
      if (!full) page.changes.push_back(std::move(change));
    }
    if (full) {
      page.through = looked_at;
      return page;
    }
    looked_at = revision;
  }
  return page;
}

std::optional<int64_t> Reader::CommittedAt(Revision revision) {
  const Snapshot snapshot(*this);
  int64_t scope_id = 0;
  {
    Query row(scan_all_);
    row.Bind(revision - 1).Bind(revision);
    if (!row.Next()) return std::nullopt;
    scope_id = row.Int(1);
  }
  const Scope* scope = scopes_.Find(scope_id);
  if (scope == nullptr) throw DamagedRow(absl::StrCat("scope ", scope_id, " is not known"));
  return ReadLog(revision, *scope, false).change.committed_us;
}

std::optional<Record> Reader::Find(const Scope& scope, std::string_view id, Revision at, bool raw) {
  Query query(find_[raw]);
  query.Bind(scope.id).Bind(id);
  if (!query.Next()) return std::nullopt;
  std::optional<ChangeRow> row = RowAt(query, scope, id, at, raw);
  if (!row.has_value()) return std::nullopt;
  return RecordOf(std::move(*row));
}

std::optional<ChangeRow> Reader::RowAt(const Query& query, const Scope& scope, std::string_view id,
                                       Revision at, bool raw) {
  const Key key = scope.KeyOf(id);
  const Pointer pointer = ReadPointer(query, kPointerAt, key);
  if (query.IsNull(kChangeAt)) {
    throw DamagedRow(absl::StrCat("change ", pointer.revision, " is missing"));
  }
  ChangeRow row = ReadChange(query, kChangeAt, raw, scope);
  while (row.change.revision > at) {
    if (row.change.prev == 0) return std::nullopt;
    row = ReadLog(row.change.prev, scope, raw);
  }
  if (row.change.key.id != id)
    throw DamagedRow(absl::StrCat("change ", row.change.revision, ": id"));
  return row;
}

ChangeRow Reader::ReadLog(Revision revision, const Scope& scope, bool raw) {
  Query query(log_[raw]);
  query.Bind(revision);
  if (!query.Next()) throw DamagedRow(absl::StrCat("change ", revision, " is missing"));
  return ReadChange(query, 0, raw, scope);
}

ChangePtr Reader::ReadChangeOf(Revision revision, const Scope& scope, const ChangeQuery& query) {
  ChangeRow row = ReadLog(revision, scope, query.raw);
  const bool before = row.change.kind == ChangeKind::kDeleted ||
                      (query.before && row.change.kind == ChangeKind::kUpdated);
  if (before) {
    ChangeRow old = ReadLog(row.change.prev, scope, query.raw);
    if (old.change.key != row.change.key)
      throw DamagedRow(absl::StrCat("change ", revision, ": prev"));
    row.change.before = std::make_shared<const Record>(RecordOf(std::move(old)));
  }
  return std::make_shared<const Change>(std::move(row.change));
}

}  // namespace tributary::sqlite
