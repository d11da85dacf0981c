#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/base/mutex.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// The part of a key that many resources share, under the number by which rows name it.
struct Scope {
  int64_t id = 0;
  std::string model;
  std::string connector_id;
  std::string owner_id;

  Key KeyOf(std::string_view resource_id) const {
    return {model, connector_id, owner_id, std::string(resource_id)};
  }
  // The key is in this scope, whatever its id.
  bool Holds(const Key& key) const {
    return model == key.model && connector_id == key.connector_id && owner_id == key.owner_id;
  }
};

// The names of a scope, not owned.
struct ScopeName {
  std::string_view model;
  std::string_view connector_id;
  std::string_view owner_id;

  ScopeName(std::string_view m, std::string_view c, std::string_view o)
      : model(m), connector_id(c), owner_id(o) {}
  ScopeName(const Key& key)  // NOLINT: implicit
      : ScopeName(key.model, key.connector_id, key.owner_id) {}
  ScopeName(const Scope* scope)  // NOLINT: implicit
      : ScopeName(scope->model, scope->connector_id, scope->owner_id) {}
  auto operator<=>(const ScopeName&) const = default;
};

// Every committed scope, in memory. Thread-safe; scopes are never removed, so the pointers that it
// hands out live as long as it does.
class Scopes {
 public:
  void Add(Scope scope) ABSL_LOCKS_EXCLUDED(mutex_);

  const Scope* Find(int64_t id) const ABSL_LOCKS_EXCLUDED(mutex_);
  const Scope* Find(const ScopeName& name) const ABSL_LOCKS_EXCLUDED(mutex_);

  // The first scope in key order, from `from` (included) on, that `selection` covers; null: none.
  // Its cost grows with the models and connectors that it passes, not with the owners.
  const Scope* Seek(const Selection& selection, const ScopeName& from) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The next one after `scope`.
  const Scope* After(const Selection& selection, const Scope& scope) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

  // One more than the greatest number in use.
  int64_t NextId() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Less {
    using is_transparent = void;
    bool operator()(const ScopeName& a, const ScopeName& b) const { return a < b; }
  };

  mutable Mutex mutex_;
  std::deque<Scope> all_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int64_t, const Scope*> by_id_ ABSL_GUARDED_BY(mutex_);
  std::set<const Scope*, Less> by_name_ ABSL_GUARDED_BY(mutex_);
  int64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace tributary::sqlite
