#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// A value of a field of a resource, as the table `entry` names it. Sorts by scope, field, value,
// id.
class EntryKey {
 public:
  EntryKey(int64_t scope, uint32_t field, std::string_view value, std::string_view id)
      : scope_(scope), field_(field), value_size_(static_cast<uint32_t>(value.size())) {
    bytes_.reserve(value.size() + id.size());
    bytes_.append(value).append(id);
  }

  int64_t scope() const { return scope_; }
  uint32_t field() const { return field_; }
  std::string_view value() const { return std::string_view(bytes_).substr(0, value_size_); }
  std::string_view id() const { return std::string_view(bytes_).substr(value_size_); }

  bool operator<(const EntryKey& other) const {
    if (scope_ != other.scope_) return scope_ < other.scope_;
    if (field_ != other.field_) return field_ < other.field_;
    if (const int order = value().compare(other.value()); order != 0) return order < 0;
    return id() < other.id();
  }

 private:
  int64_t scope_;
  uint32_t field_;
  uint32_t value_size_;
  std::string bytes_;  // value and id: one allocation for both, as there are many
};

// What became of a value, in the order of revisions: positive, the resource has it from this one
// on; negative, until this one.
using EntryEvents = absl::InlinedVector<Revision, 2>;
using EntryEventsByKey = absl::btree_map<EntryKey, EntryEvents>;
using EntryEvent = std::pair<EntryKey, Revision>;

// What the change `revision` of a resource does to the index: values that `before` has and `after`
// has not, and the other way round. Both are sorted.
inline void AppendEntryEvents(int64_t scope, std::string_view id, Revision revision,
                              const std::vector<IndexEntry>& before,
                              const std::vector<IndexEntry>& after,
                              std::vector<EntryEvent>& events) {
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    if (now == after.end() || (old != before.end() && *old < *now)) {
      events.emplace_back(EntryKey(scope, old->field, old->value, id), -revision);
      ++old;
    } else if (old == before.end() || *now < *old) {
      events.emplace_back(EntryKey(scope, now->field, now->value, id), revision);
      ++now;
    } else {
      ++old;
      ++now;
    }
  }
}

}  // namespace tributary::sqlite
