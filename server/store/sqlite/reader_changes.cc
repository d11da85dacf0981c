#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/store/sqlite/read_budget.h"
#include "server/store/sqlite/reader.h"

namespace tributary::sqlite {
namespace {

constexpr int kScopeColumn = 2;  // of kChangeColumns

// One call never gets behind the last of as many.
constexpr size_t kRangeMax = ReadBudget::kRowsMax + 1;

// So many scopes at most are read by their own revisions, each of which has to be found. Where more
// are covered, or all, the whole log is walked over.
constexpr size_t kScopesMax = 64;

constexpr Revision kEnd = std::numeric_limits<Revision>::max();

// The revisions of a scope in (after, through]: those in the tables, read some at a time, and then
// `late`.
class ScopeRevisions {
 public:
  ScopeRevisions(SQLite::Statement& statement, const Scope& scope, Revision after, Revision through,
                 Overlay::Revisions late)
      : statement_(statement),
        scope_(scope),
        last_(after),
        through_(std::min(through, late.applied)),
        late_(std::move(late.revisions)) {
    Read();
  }

  const Scope& scope() const { return scope_; }
  // The next one; kEnd: there are no more.
  Revision next() const { return at_ < read_.size() ? read_[at_] : kEnd; }
  void Pass() {
    if (++at_ == read_.size()) Read();
  }

 private:
  void Read() {
    read_.clear();
    at_ = 0;
    if (last_ < through_) {
      Query rows(statement_);
      rows.Bind(scope_.id).Bind(last_).Bind(through_).Bind(static_cast<int64_t>(read_max_));
      while (rows.Next()) read_.push_back(rows.Int(0));
      last_ = read_.size() < read_max_ ? through_ : read_.back();
      read_max_ = std::min(2 * read_max_, size_t{256});
    }
    if (last_ < through_) return;
    read_.insert(read_.end(), late_.begin(), late_.end());
    late_.clear();
  }

  SQLite::Statement& statement_;
  const Scope& scope_;
  Revision last_;  // read up to there
  const Revision through_;
  std::vector<Revision> late_;
  std::vector<Revision> read_;
  size_t read_max_ = 8;  // more with each read: of many scopes most give little to a page
  size_t at_ = 0;
};

// Finds changes in the log, along which it goes where the next one is near.
class LogCursor {
 public:
  LogCursor(SQLite::Statement& statement, Revision through)
      : statement_(statement), through_(through) {}

  // The change of `revision`, which must be of `scope`; null: there is none. Revisions must rise
  // from call to call.
  std::shared_ptr<Change> Find(Revision revision, const Scope& scope, bool raw) {
    if (!rows_.has_value() || revision - at_ > kNear) {
      rows_.reset();
      rows_.emplace(statement_);
      rows_->Bind(revision - 1).Bind(through_);
      Step();
    }
    while (at_ < revision) Step();
    return at_ == revision ? ReadLogged(*rows_, raw, scope) : nullptr;
  }

 private:
  void Step() { at_ = rows_->Next() ? rows_->Int(0) : kEnd; }

  static constexpr Revision kNear = 8;  // to walk over as many rows takes no longer than a search
  SQLite::Statement& statement_;
  const Revision through_;
  std::optional<Query> rows_;
  Revision at_ = 0;
};

// Of each resource, what is below the floor and was followed there has been released, and may not
// be gone yet: who reads that far back wants the newest.
void DropReleased(Revision floor, std::vector<ChangePtr>& changes) {
  absl::btree_set<std::reference_wrapper<const Key>, std::less<Key>> seen;
  const auto end =
      std::partition_point(changes.begin(), changes.end(),
                           [&](const ChangePtr& change) { return change->revision <= floor; });
  const auto kept =
      std::remove_if(std::make_reverse_iterator(end), changes.rend(),
                     [&](const ChangePtr& change) { return !seen.insert(change->key).second; });
  changes.erase(changes.begin(), kept.base());
}

}  // namespace

// What one call of Changes gathers.
class Reader::Filling {
 public:
  Filling(const ChangeQuery& query, ChangePage& page) : query_(query), page_(page) {}

  // False: the page is full, and this row is for the next call.
  bool TakeRow() {
    return page_.changes.size() < static_cast<size_t>(std::max(query_.max_changes, 1)) &&
           budget_.Take();
  }
  bool Add(ChangePtr change) {
    if (change->kind == ChangeKind::kHidden) return true;
    bytes_ += change->Bytes();
    if (bytes_ > query_.max_bytes && !page_.changes.empty()) return false;
    page_.changes.push_back(std::move(change));
    return true;
  }
  void LookedAt(Revision revision) { looked_at_ = revision; }
  // Nothing between the last row and the end of the range is missing; or it is, from there on.
  void End(bool full) {
    if (full) page_.through = looked_at_.value_or(query_.after);
  }
  Revision through() const { return page_.through; }

 private:
  const ChangeQuery& query_;
  ChangePage& page_;
  ReadBudget budget_;
  size_t bytes_ = 0;
  std::optional<Revision> looked_at_;
};

ChangePage Reader::Changes(const ChangeQuery& query, Revision head) {
  ChangePage page;
  page.head = head;
  page.through = std::max(query.after, std::min(query.through.value_or(head), head));
  std::vector<const Scope*> covered;
  for (const Scope* scope = scopes_.Seek(query.selection, ScopeName("", "", ""));
       scope != nullptr && covered.size() <= kScopesMax;
       scope = scopes_.After(query.selection, *scope)) {
    covered.push_back(scope);
  }
  if (!covered.empty() && page.through > query.after) {
    Begin(head);
    Filling filling(query, page);
    if (covered.size() > kScopesMax || covered.size() == scopes_.size()) {
      ScanAll(query, filling);
    } else {
      ScanScopes(query, covered, filling);
    }
  }
  page.floor = floors_.history.load();
  page.tombstone_floor = floors_.tombstones.load();
  DropReleased(page.floor, page.changes);
  return page;
}

void Reader::ScanScopes(const ChangeQuery& query, const std::vector<const Scope*>& covered,
                        Filling& filling) {
  const Revision through = filling.through();
  // All that is asked of the overlay before anything is read of the snapshot, which it may renew.
  std::vector<Overlay::Revisions> late;
  for (const Scope* scope : covered) {
    late.push_back(Covered(overlay_.Of(scope->id, query.after, through, kRangeMax)));
  }
  std::vector<ScopeRevisions> revisions;
  for (size_t i = 0; i < covered.size(); ++i) {
    revisions.emplace_back(scan_scope_, *covered[i], query.after, through, std::move(late[i]));
  }
  LogCursor log(scan_[query.raw], through);
  for (;;) {
    const auto first = std::min_element(
        revisions.begin(), revisions.end(),
        [](const ScopeRevisions& a, const ScopeRevisions& b) { return a.next() < b.next(); });
    const Revision revision = first->next();
    if (revision == kEnd) return;
    bool full = !filling.TakeRow();
    if (!full) {
      std::shared_ptr<Change> change = log.Find(revision, first->scope(), query.raw);
      // The overlay may name what has gone since.
      if (change == nullptr && revision > floors_.history.load()) ThrowMissing(revision);
      if (change != nullptr) {
        AddBefore(*change, first->scope(), query);
        full = !filling.Add(std::move(change));
      }
    }
    if (full) {
      filling.End(true);
      return;
    }
    filling.LookedAt(revision);
    first->Pass();
  }
}

void Reader::ScanAll(const ChangeQuery& query, Filling& filling) {
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
  // Above the floor the log has no gap.
  const auto check_no_gap = [&](Revision last, Revision next) {
    if (next - last > 1 && next - 1 > floors_.history.load()) ThrowMissing(next - 1);
  };
  Revision last = query.after;
  Query rows(scan_[query.raw]);
  rows.Bind(query.after).Bind(filling.through());
  while (rows.Next()) {
    check_no_gap(std::exchange(last, rows.Int(0)), rows.Int(0));
    bool full = !filling.TakeRow();
    const Scope* scope = full ? nullptr : find_covered(rows.Int(kScopeColumn));
    if (scope != nullptr) {
      std::shared_ptr<Change> change = ReadLogged(rows, query.raw, *scope);
      AddBefore(*change, *scope, query);
      full = !filling.Add(std::move(change));
    }
    if (full) {
      filling.End(true);
      return;
    }
    filling.LookedAt(last);
  }
  check_no_gap(last, filling.through() + 1);
}

std::vector<ChangePtr> Reader::Log(Revision after, Revision through) {
  std::vector<ChangePtr> changes;
  if (after >= through) return changes;
  Begin(through);
  ChangeQuery query;
  query.raw = query.before = true;
  Query rows(scan_[true]);
  rows.Bind(after).Bind(through);
  while (rows.Next()) {
    const Scope* scope = scopes_.Find(rows.Int(kScopeColumn));
    if (scope == nullptr) throw DamagedRow(absl::StrCat("change ", rows.Int(0), ": scope"));
    std::shared_ptr<Change> change = ReadLogged(rows, /*raw=*/true, *scope);
    AddBefore(*change, *scope, query);
    changes.push_back(std::move(change));
  }
  return changes;
}

void Reader::AddBefore(Change& change, const Scope& scope, const ChangeQuery& query) {
  const bool wanted =
      change.kind == ChangeKind::kDeleted || (query.before && change.kind == ChangeKind::kUpdated);
  if (!wanted) return;
  std::optional<ChangeRow> old = FindLog(change.prev, scope, query.raw);
  if (!old.has_value() && change.revision > floors_.history.load()) ThrowMissing(change.prev);
  if (!old.has_value()) return;
  if (old->change.key != change.key) {
    throw DamagedRow(absl::StrCat("change ", change.revision, ": prev"));
  }
  change.before = std::make_shared<const Record>(RecordOf(*std::move(old)));
}

}  // namespace tributary::sqlite
