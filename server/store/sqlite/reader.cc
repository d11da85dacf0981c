#include "server/store/sqlite/reader.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/strings.h"
#include "server/store/sqlite/reader_lookup.h"
#include "server/store/sqlite/record_filling.h"

namespace tributary::sqlite {
namespace {

// Where the columns of `change` begin in a statement that reads the pointer first, behind the id.
constexpr int kPointerAt = 1;
constexpr int kChangeAt = kPointerAt + kPointerColumnCount;

constexpr char kPointerAndChange[] =
    " FROM resource AS r LEFT JOIN change AS c ON c.revision = r.revision";

// One call never gets behind the last of as many.
constexpr size_t kRangeMax = ReadBudget::kRowsMax + 1;

// Resources that are read at once to be filtered.
constexpr int kCandidates = 128;

}  // namespace

Reader::Pair::Pair(SQLite::Database& database, std::string_view rest, std::string_view columns)
    : without_raw(database, absl::StrCat("SELECT ", Absl(columns), kChangeColumns, Absl(rest))),
      with_raw(database,
               absl::StrCat("SELECT ", Absl(columns), kChangeColumns, ", c.raw", Absl(rest))) {}

Reader::Reader(const SqliteOptions& options, const Scopes& scopes, const Overlay& overlay,
               const Floors& floors)
    : options_(options),
      scopes_(scopes),
      overlay_(overlay),
      floors_(floors),
      database_(OpenForReading(options.path, options.cache_bytes / 8)),
      begin_(*database_, "BEGIN"),
      end_(*database_, "COMMIT"),
      find_(*database_, absl::StrCat(kPointerAndChange, " WHERE r.scope = ? AND r.id = ?"),
            absl::StrCat("r.id, ", kPointerColumns, ", ")),
      settled_(*database_),
      log_(*database_, " FROM change AS c WHERE c.revision = ?"),
      scan_(*database_,
            " FROM change AS c WHERE c.revision > ? AND c.revision <= ? ORDER BY c.revision"),
      scan_scope_(*database_,
                  "SELECT revision FROM change_of_scope WHERE scope = ? AND revision > ?"
                  " AND revision <= ? ORDER BY revision LIMIT ?"),
      scope_of_(*database_, "SELECT scope FROM change WHERE revision = ?"),
      index_(*database_),
      ledger_(*database_, scopes) {}

void Reader::Begin(Revision head) {
  if (open_ && head_ == head && drops_ == overlay_.drops()) return;
  EndSnapshot();
  // In this order: what is dropped from the overlay later is in the snapshot or in what was found.
  drops_ = overlay_.drops();
  head_ = head;
  Query(begin_).Run();
  open_ = true;
}

void Reader::EndSnapshot() {
  if (!std::exchange(open_, false)) return;
  end_.tryExecuteStep();
  end_.tryReset();
}

void Reader::Forget() {
  EndSnapshot();
  ForgetPages(*database_);
}

void Reader::Cover(const Overlay::Age& age) {
  if (age.drops != drops_ || age.newest > head_) {
    EndSnapshot();
    drops_ = age.drops;
    head_ = std::max(head_, age.newest);
    Query(begin_).Run();
    open_ = true;
  }
}

std::optional<Record> Reader::Get(const Key& key, bool raw, Revision at, Revision head) {
  const Scope* scope = scopes_.Find(key);
  if (scope == nullptr) return std::nullopt;
  Begin(head);
  return Find(*scope, key.id, at, raw);
}

RecordBatch Reader::BatchGet(const BatchQuery& query, Revision at, Revision head) {
  RecordBatch batch;
  batch.revision = at;
  const Scope* scope = scopes_.Find(query.scope);
  Begin(head);
  absl::flat_hash_set<std::string> seen;
  size_t bytes = 0;
  for (const std::string& id : query.ids) {
    if (!seen.insert(id).second) continue;
    if (!batch.unread.empty()) {
      batch.unread.push_back(id);
      continue;
    }
    std::optional<Record> record;
    if (scope != nullptr) record = Find(*scope, id, at, query.raw);
    if (!record.has_value() || record->deleted) {
      batch.missing.push_back(id);
      continue;
    }
    bytes += record->Bytes();
    if (bytes > query.max_bytes && !batch.records.empty()) {
      batch.unread.push_back(id);
    } else {
      batch.records.push_back(std::move(*record));
    }
  }
  return batch;
}

RecordPage Reader::List(const RecordQuery& query, Revision at, Revision head) {
  Begin(head);
  ReadBudget budget;
  if (query.index.has_value()) return ListByIndex(query, at, budget);
  return query.filter == nullptr ? ListAll(query, at, budget) : ListFiltered(query, at, budget);
}

RecordPage Reader::ListFiltered(const RecordQuery& query, Revision at, ReadBudget& budget) {
  RecordPage page;
  page.revision = at;
  Lookup lookup(*this, at);
  RecordQuery candidates = query;
  candidates.max_records = kCandidates;
  size_t bytes = 0;
  while (true) {
    RecordPage found = ListAll(candidates, at, budget);
    for (Record& record : found.records) {
      if (!query.filter->Matches(record, lookup)) {
        page.next = std::move(record.key);
        continue;
      }
      if (page.records.size() >= static_cast<size_t>(std::max(query.max_records, 1))) return page;
      bytes += record.Bytes();
      if (bytes > query.max_bytes && !page.records.empty()) return page;
      page.next = record.key;
      page.records.push_back(std::move(record));
    }
    const bool stuck = found.next == candidates.after;  // the budget is used up
    page.next = found.next;
    if (stuck || !found.next.has_value()) return page;
    candidates.after = std::move(found.next);
  }
}

RecordPage Reader::ListAll(const RecordQuery& query, Revision at, ReadBudget& budget) {
  RecordPage page;
  page.revision = at;
  page.next = query.after;
  RecordFilling filling(query, page);
  const Scope* scope = scopes_.Seek(
      query.selection, query.after.has_value() ? ScopeName(*query.after) : ScopeName("", "", ""));
  std::string from;
  if (query.after.has_value() && scope != nullptr && scope->Holds(*query.after)) {
    from = query.after->id + '\0';  // the smallest id behind it
  }
  while (scope != nullptr) {
    std::string last;
    const bool complete = ListScope(query, *scope, from, budget, filling, last);
    if (!last.empty()) page.next = scope->KeyOf(last);
    if (!complete) return page;
    from.clear();
    scope = scopes_.After(query.selection, *scope);
  }
  page.next.reset();
  return page;
}

bool Reader::ListScope(const RecordQuery& query, const Scope& scope, std::string_view from,
                       ReadBudget& budget, RecordFilling& filling, std::string& last) {
  const Revision at = filling.revision();
  const Overlay::Range late = Covered(overlay_.From({scope.id, from}, kRangeMax));
  auto newer = late.entries.begin();
  for (SettledCursor tables(settled_, scope, from);
       tables.Stands() || newer != late.entries.end();) {
    if (filling.IsFull() || !budget.Take()) return false;
    const int order = !tables.Stands()              ? 1
                      : newer == late.entries.end() ? -1
                                                    : tables.id().compare(newer->id);
    const std::string_view id = order < 0 ? tables.id() : std::string_view(newer->id);
    const Revision revision = order < 0 ? tables.revision() : newer->pointer.revision;
    const SettledEntry* copy = order <= 0 && !query.raw ? tables.copy() : nullptr;
    const bool is_copied = copy != nullptr && copy->revision == revision && revision <= at;
    if (is_copied ? !filling.Add(scope, *copy)
                  : !filling.Add(WalkBack(revision, scope, id, at, query.raw))) {
      return false;
    }
    last = id;
    if (order <= 0) tables.Next();
    if (order >= 0) ++newer;
  }
  return true;
}

std::optional<int64_t> Reader::CommittedAt(Revision revision, Revision head) {
  Begin(head);
  int64_t scope_id = 0;
  {
    Query row(scope_of_);
    row.Bind(revision);
    if (!row.Next()) return std::nullopt;
    scope_id = row.Int(0);
  }
  const Scope* scope = scopes_.Find(scope_id);
  if (scope == nullptr) throw DamagedRow(absl::StrCat("scope ", scope_id, " is not known"));
  const std::optional<ChangeRow> row = FindLog(revision, *scope, false);
  if (!row.has_value()) ThrowMissing(revision);
  return row->change.committed_us;
}

// A delivery without a change moves no head, so an open snapshot may lack it.
DeliveryPage Reader::ListDeliveries(const DeliveryQuery& query, Revision head) {
  EndSnapshot();
  Begin(head);
  return ledger_.List(query, head);
}

std::optional<DeliveryRecord> Reader::GetDelivery(int64_t number, Revision head) {
  EndSnapshot();
  Begin(head);
  return ledger_.Get(number, head);
}

std::optional<Record> Reader::Find(const Scope& scope, std::string_view id, Revision at, bool raw) {
  const Overlay::Found late = Covered(overlay_.Find({scope.id, id}));
  std::optional<ChangeRow> row;
  if (late.pointer.has_value()) {
    row = WalkBack(late.pointer->revision, scope, id, at, raw);
  } else {
    Query query(find_[raw]);
    query.Bind(scope.id).Bind(id);
    if (query.Next()) row = JoinedRow(query, scope, id, at, raw);
  }
  if (!row.has_value()) return std::nullopt;
  return RecordOf(std::move(*row));
}

std::optional<ChangeRow> Reader::JoinedRow(const Query& query, const Scope& scope,
                                           std::string_view id, Revision at, bool raw) {
  const Pointer pointer = ReadPointer(query, kPointerAt, scope.KeyOf(id));
  if (query.IsNull(kChangeAt)) {
    MissingOrGone(pointer.revision, at);
    return std::nullopt;
  }
  if (pointer.revision > at) return WalkBack(pointer.revision, scope, id, at, raw);
  ChangeRow row = ReadChange(query, kChangeAt, raw, scope);
  if (row.change.key.id != id) {
    throw DamagedRow(absl::StrCat("change ", row.change.revision, ": id"));
  }
  return row;
}

std::optional<ChangeRow> Reader::WalkBack(Revision revision, const Scope& scope,
                                          std::string_view id, Revision at, bool raw) {
  while (revision != 0) {
    std::optional<ChangeRow> row = FindLog(revision, scope, raw);
    if (!row.has_value()) {
      MissingOrGone(revision, at);
      return std::nullopt;
    }
    if (row->change.key.id != id) throw DamagedRow(absl::StrCat("change ", revision, ": id"));
    if (revision <= at) return row;
    revision = row->change.prev;
  }
  return std::nullopt;
}

std::optional<ChangeRow> Reader::FindLog(Revision revision, const Scope& scope, bool raw) {
  Query query(log_[raw]);
  query.Bind(revision);
  if (!query.Next()) return std::nullopt;
  return ReadChange(query, 0, raw, scope);
}

void Reader::MissingOrGone(Revision revision, Revision at) const {
  // The floors are moved first: what is gone in the snapshot is below them now.
  if (at < floors_.history.load()) throw Compacted();
  if (revision > floors_.tombstones.load()) ThrowMissing(revision);
}

}  // namespace tributary::sqlite
