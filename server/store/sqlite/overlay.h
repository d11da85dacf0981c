#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/index_events.h"
#include "server/store/sqlite/rows.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// A resource as the tables name it.
struct PointerKey {
  int64_t scope = 0;
  std::string id;
};
struct PointerKeyView {
  int64_t scope;
  std::string_view id;

  PointerKeyView(int64_t s, std::string_view i) : scope(s), id(i) {}
  PointerKeyView(const PointerKey& key) : scope(key.scope), id(key.id) {}  // NOLINT: implicit
};
struct PointerKeyLess {
  using is_transparent = void;
  bool operator()(const PointerKeyView& a, const PointerKeyView& b) const {
    return a.scope != b.scope ? a.scope < b.scope : a.id < b.id;
  }
};
using Pointers = absl::btree_map<PointerKey, Pointer, PointerKeyLess>;

// What is on the disk in the log, but not yet in the tables that lie in key order: `resource`,
// `change_of_scope` and `entry`. They are written late, sorted and in small slices (late_work.h),
// because each of their rows lies on a page of its own; until then this is where their rows are
// found.
//
// Two layers: one that commits add to, and one that is being written to the tables and changes no
// more. The entries of the first are the newer ones. Thread-safe; changed by the writer alone.
//
// A reader joins this with a snapshot of the file. What is in neither does not exist, so the
// snapshot must hold what was dropped from here before the answer, and the log rows that the answer
// names: every answer carries an Age, which tells.
class Overlay {
 public:
  struct Layer {
    Pointers pointers;
    // The revisions of each scope, rising.
    absl::btree_map<int64_t, std::vector<Revision>> revisions;
    EntryEventsByKey entries;
    size_t weight = 0;      // changes, and versions raised without one
    Revision revision = 0;  // of its last change, or the last one before it
    int64_t delivery = 0;   // the last one that went into it
  };
  using LayerPtr = std::shared_ptr<const Layer>;

  // What one batch adds. Everything before it is in the overlay or in the tables.
  struct Added {
    Pointers pointers;
    std::vector<int64_t> scopes;  // of the changes, whose revisions have no gap
    std::vector<EntryEvent> entries;
    size_t weight = 0;
    Revision revision = 0;  // of the last change
    int64_t delivery = 0;
  };

  struct Age {
    uint64_t drops = 0;   // layers dropped so far
    Revision newest = 0;  // the newest revision in the answer
  };

  struct Found {
    std::optional<Pointer> pointer;
    Age age;
  };
  Found Find(const PointerKeyView& key) const ABSL_LOCKS_EXCLUDED(mutex_);

  struct Entry {
    std::string id;
    Pointer pointer;
  };
  struct Range {
    std::vector<Entry> entries;  // in the order of ids
    Age age;
  };
  // At most `limit` entries of the scope from `from.id` (included) on.
  Range From(const PointerKeyView& from, size_t limit) const ABSL_LOCKS_EXCLUDED(mutex_);

  struct Revisions {
    std::vector<Revision> revisions;  // rising
    Revision applied = 0;             // those up to it are in the tables, or gone
    Age age;
  };
  // At most `limit` revisions of the scope in (after, through].
  Revisions Of(int64_t scope, Revision after, Revision through, size_t limit) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A resource that has a value of the index, or had it a moment ago.
  struct Candidate {
    std::string value;
    std::string id;
    auto operator<=>(const Candidate&) const = default;
  };
  struct Candidates {
    std::vector<Candidate> candidates;  // rising, each once
    Age age;
  };
  // At most `limit` with a key behind `after`, of its scope and field; of its value alone if
  // `equal`.
  Candidates Behind(const EntryKey& after, bool equal, size_t limit) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The greatest value below that of `before`, of its scope and field.
  struct Value {
    std::optional<std::string> value;
    Age age;
  };
  Value ValueBelow(const EntryKey& before) const ABSL_LOCKS_EXCLUDED(mutex_);

  uint64_t drops() const ABSL_LOCKS_EXCLUDED(mutex_);

  // For the writer:

  // Of what was added since a layer was frozen.
  size_t weight() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Begins at what the tables hold.
  void Begin(Revision applied) ABSL_LOCKS_EXCLUDED(mutex_);
  void Add(Added added) ABSL_LOCKS_EXCLUDED(mutex_);
  // Freezes what was added if it weighs at least `weight_min` and no layer is frozen; the frozen
  // layer, or null.
  LayerPtr Freeze(size_t weight_min) ABSL_LOCKS_EXCLUDED(mutex_);
  // The frozen layer is in the tables.
  void Drop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  Layer active_ ABSL_GUARDED_BY(mutex_);
  LayerPtr frozen_ ABSL_GUARDED_BY(mutex_);
  Revision applied_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t drops_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tributary::sqlite
