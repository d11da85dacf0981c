#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "server/store/sqlite/read_budget.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/settled.h"
#include "server/store/store.h"

namespace tributary::sqlite {

// Puts a page of resources together up to its bounds, as records or by the query's own way.
class RecordFilling {
 public:
  RecordFilling(const RecordQuery& query, RecordPage& page)
      : query_(query),
        page_(page),
        records_max_(static_cast<size_t>(std::max(query.max_records, 1))),
        most_(std::min(records_max_, size_t{ReadBudget::kRowsMax})) {
    if (query.append == nullptr) page.records.reserve(most_);
  }

  // That the page shows.
  Revision revision() const { return page_.revision; }
  bool IsFull() const { return count_ >= records_max_; }

  // The state that stands under the key; a tombstone is passed over. False: it has no room.
  bool Add(const Scope& scope, const SettledEntry& entry) {
    if (entry.IsTombstone()) return true;
    if (query_.append != nullptr) return Append({entry.revision, entry.state, ""});
    Record& record = page_.records.emplace_back();
    record.key = scope.KeyOf(entry.id);
    record.revision = entry.revision;
    record.state = entry.state;
    return Keep();
  }
  bool Add(std::optional<ChangeRow> row) {
    if (!row.has_value() || row->IsTombstone()) return true;
    const Change& change = row->change;
    if (query_.append != nullptr) return Append({change.revision, change.state, change.raw});
    page_.records.push_back(RecordOf(*std::move(row)));
    return Keep();
  }

 private:
  bool Append(const RecordView& record) {
    const size_t before = page_.appended.size();
    if (count_ == 1) {
      // The others will be much like the first, and to grow by doubling would copy a page twice.
      page_.appended.reserve(std::min(query_.max_bytes, before * (most_ + 1)));
    }
    query_.append(page_.appended, record);
    if (page_.appended.size() > query_.max_bytes && count_ > 0) {
      page_.appended.resize(before);
      return false;
    }
    page_.appended_count = static_cast<int>(++count_);
    return true;
  }

  bool Keep() {
    bytes_ += page_.records.back().Bytes();
    if (bytes_ > query_.max_bytes && count_ > 0) {
      page_.records.pop_back();
      return false;
    }
    ++count_;
    return true;
  }

  const RecordQuery& query_;
  RecordPage& page_;
  const size_t records_max_;
  const size_t most_;  // that one call can read
  size_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace tributary::sqlite
