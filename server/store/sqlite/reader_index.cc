#include <algorithm>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "server/store/sqlite/index_cursor.h"
#include "server/store/sqlite/reader.h"
#include "server/store/sqlite/reader_lookup.h"
#include "server/store/sqlite/settled.h"

namespace tributary::sqlite {
namespace {

// Sorts what the cursors of several scopes have next, the first one on top.
class IsBehind {
 public:
  explicit IsBehind(bool descending) : descending_(descending) {}

  bool operator()(IndexCursor* a, IndexCursor* b) const {
    const Overlay::Candidate& of_a = *a->Peek();
    const Overlay::Candidate& of_b = *b->Peek();
    if (const int order = of_a.value.compare(of_b.value); order != 0) {
      return descending_ ? order < 0 : order > 0;
    }
    if (const auto order = ScopeName(&a->scope()) <=> ScopeName(&b->scope()); order != 0) {
      return order > 0;
    }
    return of_a.id > of_b.id;
  }

 private:
  bool descending_;
};

}  // namespace

// The cursors of the scopes that a scan covers, as one.
class Reader::IndexMerge {
 public:
  IndexMerge(Reader& reader, const RecordQuery& query, Revision at)
      : reader_(reader),
        query_(query),
        scan_(*query.index),
        at_(at),
        heap_(IsBehind(scan_.order == IndexScan::Order::kDescending)) {
    const bool in_key_order = scan_.order == IndexScan::Order::kEqual;
    const ScopeName none("", "", "");
    scope_ = reader.scopes_.Seek(
        query.selection, in_key_order && query.after.has_value() ? ScopeName(*query.after) : none);
    if (in_key_order) return;
    for (; scope_ != nullptr; scope_ = reader.scopes_.After(query.selection, *scope_)) {
      if (cursors_.size() == IndexScan::kScopesMax) throw TooManyScopes();
      Open(*scope_);
    }
  }

  // The next one, and its scope; null: that was all.
  std::optional<std::pair<const Scope*, Overlay::Candidate>> Next() {
    // In key order one scope comes after the other.
    while (heap_.empty()) {
      if (scope_ == nullptr) return std::nullopt;
      Open(*scope_);
      scope_ = reader_.scopes_.After(query_.selection, *scope_);
    }
    IndexCursor* first = heap_.top();
    heap_.pop();
    std::pair<const Scope*, Overlay::Candidate> next{&first->scope(), *first->Peek()};
    first->Pop();
    if (first->Peek() != nullptr) heap_.push(first);
    return next;
  }

 private:
  void Open(const Scope& scope) {
    std::optional<std::string_view> after;
    if (query_.after.has_value()) {
      const bool ordered = scan_.order != IndexScan::Order::kEqual;
      const auto order = ScopeName(&scope) <=> ScopeName(*query_.after);
      // Of the value where the last page ended, those of scopes behind are all still to come, and
      // those of scopes before it were all shown.
      if (order == 0) after = query_.after->id;
      if (ordered && order > 0) after = "";
      if (ordered && order < 0) after = BehindAllIds();
    }
    cursors_.push_back(std::make_unique<IndexCursor>(
        reader_.index_, reader_.overlay_, [this](const Overlay::Age& age) { reader_.Cover(age); },
        scope, scan_, at_, query_.after_value, after));
    if (cursors_.back()->Peek() != nullptr) heap_.push(cursors_.back().get());
  }

  Reader& reader_;
  const RecordQuery& query_;
  const IndexScan& scan_;
  const Revision at_;
  const Scope* scope_ = nullptr;  // the next to be opened
  std::vector<std::unique_ptr<IndexCursor>> cursors_;
  std::priority_queue<IndexCursor*, std::vector<IndexCursor*>, IsBehind> heap_;
};

// Those that have a value of the index, where the index cannot be asked.
class HasEntry final : public RecordFilter {
 public:
  HasEntry(const SqliteOptions& options, IndexEntry entry,
           std::shared_ptr<const RecordFilter> further)
      : options_(options), entry_(std::move(entry)), further_(std::move(further)) {}

  bool Matches(const Record& record, RecordLookup& others) const override {
    const std::vector<IndexEntry> entries = options_.index(record.key.model, record.state);
    return std::binary_search(entries.begin(), entries.end(), entry_) &&
           (further_ == nullptr || further_->Matches(record, others));
  }

 private:
  const SqliteOptions& options_;
  const IndexEntry entry_;
  const std::shared_ptr<const RecordFilter> further_;
};

RecordPage Reader::ListByIndex(const RecordQuery& query, Revision at, ReadBudget& budget) {
  if (at < floors_.index.load()) {
    if (query.index->order != IndexScan::Order::kEqual) throw Compacted();
    RecordQuery scan = query;
    scan.filter = std::make_shared<const HasEntry>(
        options_, IndexEntry{query.index->field, query.index->from}, query.filter);
    return ListFiltered(scan, at, budget);
  }
  RecordPage page;
  page.revision = at;
  page.next = query.after;
  page.next_value = query.after_value;
  Lookup lookup(*this, at);
  IndexMerge merge(*this, query, at);
  size_t bytes = 0;
  while (auto found = merge.Next()) {
    if (page.records.size() >= static_cast<size_t>(std::max(query.max_records, 1))) return page;
    if (!budget.Take()) return page;
    auto& [scope, candidate] = *found;
    std::optional<Record> record = Verified(*scope, candidate, query.index->field, at, query.raw);
    if (record.has_value() && (query.filter == nullptr || query.filter->Matches(*record, lookup))) {
      bytes += record->Bytes();
      if (bytes > query.max_bytes && !page.records.empty()) return page;
      page.records.push_back(*std::move(record));
    }
    page.next = scope->KeyOf(candidate.id);
    page.next_value = std::move(candidate.value);
  }
  page.next.reset();
  return page;
}

std::optional<Record> Reader::Verified(const Scope& scope, const Overlay::Candidate& candidate,
                                       uint32_t field, Revision at, bool raw) {
  std::optional<Record> record = Find(scope, candidate.id, at, raw);
  if (!record.has_value() || record->deleted) return std::nullopt;
  // Neither what is too old nor what is too new to be shown.
  const std::vector<IndexEntry> entries = options_.index(scope.model, record->state);
  const IndexEntry wanted{field, candidate.value};
  if (!std::binary_search(entries.begin(), entries.end(), wanted)) return std::nullopt;
  return record;
}

}  // namespace tributary::sqlite
