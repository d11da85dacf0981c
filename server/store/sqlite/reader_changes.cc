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

// Of so many changes of a scope one can tell whether to walk over what lies between them, which is
// cheaper than to search for each where at least one row in kWalkedMax is of the scope.
constexpr size_t kProbed = 64;
constexpr Revision kWalkedMax = 3;

bool AreDense(const std::vector<Revision>& revisions) {
  return !revisions.empty() && revisions.back() - revisions.front() <
                                   kWalkedMax * static_cast<Revision>(revisions.size());
}

// The revisions of a scope in (after, through]: those that are in the tables, then `late`.
class ScopeRevisions {
 public:
  ScopeRevisions(SQLite::Statement& statement, const Scope& scope, Revision after, Revision through,
                 Overlay::Revisions late)
      : late_(std::move(late)), rows_(statement) {
    rows_.Bind(scope.id).Bind(after).Bind(std::min(through, late_.applied));
    while (probed_.size() < kProbed) {
      const std::optional<Revision> next = Read();
      if (!next.has_value()) break;
      probed_.push_back(*next);
    }
  }

  // The first ones.
  const std::vector<Revision>& probed() const { return probed_; }

  // nullopt: there are no more.
  std::optional<Revision> Next() { return taken_ < probed_.size() ? probed_[taken_++] : Read(); }

 private:
  std::optional<Revision> Read() {
    if (in_tables_ && rows_.Next()) return rows_.Int(0);
    in_tables_ = false;
    if (late_taken_ == late_.revisions.size()) return std::nullopt;
    return late_.revisions[late_taken_++];
  }

  const Overlay::Revisions late_;
  Query rows_;
  bool in_tables_ = true;
  size_t late_taken_ = 0;
  std::vector<Revision> probed_;
  size_t taken_ = 0;
};

// Goes along the log.
class LogCursor {
 public:
  LogCursor(SQLite::Statement& statement, Revision first, Revision last) : rows_(statement) {
    rows_.Bind(first - 1).Bind(last);
    Step();
  }

  // The change of `revision`, which must be of `scope`; null: there is none. Revisions must rise
  // from call to call.
  std::shared_ptr<Change> Find(Revision revision, const Scope& scope, bool raw) {
    while (at_ < revision) Step();
    return at_ == revision ? ReadLogged(rows_, raw, scope) : nullptr;
  }

 private:
  void Step() { at_ = rows_.Next() ? rows_.Int(0) : kEnd; }

  static constexpr Revision kEnd = std::numeric_limits<Revision>::max();
  Query rows_;
  Revision at_;
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
  const Scope* first = scopes_.Seek(query.selection, ScopeName("", "", ""));
  if (first != nullptr && page.through > query.after) {
    Begin(head);
    Filling filling(query, page);
    if (scopes_.After(query.selection, *first) == nullptr) {
      ScanScope(query, *first, filling);
    } else {
      ScanAll(query, filling);
    }
  }
  page.floor = floors_.history.load();
  page.tombstone_floor = floors_.tombstones.load();
  DropReleased(page.floor, page.changes);
  return page;
}

void Reader::ScanScope(const ChangeQuery& query, const Scope& scope, Filling& filling) {
  const Revision through = filling.through();
  ScopeRevisions revisions(scan_scope_, scope, query.after, through,
                           Covered(overlay_.Of(scope.id, query.after, through, kRangeMax)));
  std::optional<LogCursor> log;
  if (AreDense(revisions.probed())) {
    log.emplace(scan_[query.raw], revisions.probed().front(), through);
  }
  while (const std::optional<Revision> revision = revisions.Next()) {
    bool full = !filling.TakeRow();
    if (!full) {
      std::shared_ptr<Change> change = log.has_value() ? log->Find(*revision, scope, query.raw)
                                                       : FindLogged(*revision, scope, query.raw);
      // The overlay may name what has gone since.
      if (change == nullptr && *revision > floors_.history.load()) ThrowMissing(*revision);
      if (change != nullptr) {
        AddBefore(*change, scope, query);
        full = !filling.Add(std::move(change));
      }
    }
    if (full) {
      filling.End(true);
      return;
    }
    filling.LookedAt(*revision);
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

std::shared_ptr<Change> Reader::FindLogged(Revision revision, const Scope& scope, bool raw) {
  Query row(log_[raw]);
  row.Bind(revision);
  return row.Next() ? ReadLogged(row, raw, scope) : nullptr;
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
