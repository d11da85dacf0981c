#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/base/limits.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"
#include "server/fields/definition.h"
#include "server/model/custom_fields.h"
#include "server/model/model.h"
#include "server/store/store.h"

namespace tributary {

struct FieldCatalogOptions {
  size_t discovered_max = limits::kFieldsDiscoveredMax;
  size_t cached_max = limits::kFieldsCachedMax;
};

// Remembers which custom fields are defined, and how, so that what a delivery tells of its fields
// is known before it is queued: nothing, almost always. Definitions are read from the store when
// the first delivery of their scope comes, and kept up to date by Learn; the scopes that were not
// asked for longest are forgotten.
//
// It proposes, the store decides: a definition is committed with its resource only if nothing, or
// the state that was seen, still stands under its id. So of any number of connections that meet the
// first value of a key at once, one makes its definition, and Merge sees to it that what the others
// have seen is in it. Thread-safe. `models` and `store` must
// outlive it.
class FieldCatalog final : public CustomFieldRules {
 public:
  FieldCatalog(const ModelRegistry& models, Store& store, FieldCatalogOptions options = {});

  // Reads the store where it meets a scope, a key or a type for the first time. What cannot be read
  // now is checked with the next delivery.
  Findings Check(const FieldScope& scope, std::span<const SentField> sent, int64_t now_us) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Brings up to date what the deliveries of a batch tell of fields, where several of them tell of
  // one, or others did since. Called for every batch, right before it is committed.
  void Merge(std::span<Delivery> batch);

  // Takes over what was committed. Called for every batch, before its senders are answered.
  void Learn(std::span<const ChangePtr> changes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Values that are kept without a definition: their scope has discovered enough, or their key
  // cannot stand in an id.
  const Counter& undefined() const { return undefined_; }

 private:
  struct Known {
    Revision revision = 0;
    bool deleted = false;
    bool declared = false;
    FieldType type = {};
    uint32_t observed = 0;  // types, as bits
    int64_t until_us = 0;   // of a deleted one: then its tombstone may be gone
    std::shared_ptr<const FieldOptions> options = nullptr;  // of a declared select; null: none

    size_t options_size() const { return options == nullptr ? 0 : options->size(); }
  };
  struct Scope {
    std::string name;
    absl::flat_hash_map<std::string, Known> known;      // by key
    absl::flat_hash_map<std::string, int64_t> awaited;  // keys whose definition is on its way, with
                                                        // the time when it was proposed
    size_t discovered = 0;                              // of `known`
    size_t options = 0;                                 // of all in `known`
    size_t counted = 0;                                 // in size_
    bool loaded = false;
    bool forgotten = false;
  };
  using ScopePtr = std::shared_ptr<Scope>;

  // Something to propose to the store.
  struct Proposal {
    enum class Kind { kDiscover, kRediscover, kObserve } kind;
    std::string_view key;
    FieldType type;
  };

  static Known KnownOf(Revision revision, const FieldDefinition& definition);
  ScopePtr Find(const FieldScope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Load(const FieldScope& scope, Scope& loading) ABSL_LOCKS_EXCLUDED(mutex_);
  void Sort(Scope& scope, std::span<const SentField> sent, int64_t now_us, Findings& findings,
            std::vector<Proposal>& proposals) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SortUnknown(Scope& scope, std::string_view key, FieldType type, int64_t now_us,
                   std::vector<Proposal>& proposals) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom(Scope& scope, int64_t now_us) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Propose(const FieldScope& of, Scope& scope, const Proposal& proposal, int64_t now_us,
               Findings& findings) ABSL_LOCKS_EXCLUDED(mutex_);
  void Put(Scope& scope, std::string_view key, const Known& known)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Recount(Scope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MergeOne(std::span<Mutation* const> told);
  Key KeyOf(const FieldScope& scope, std::string_view field_key) const;

  const std::string model_;  // of definitions; empty: there are none
  Store& store_;
  const FieldCatalogOptions options_;
  Counter undefined_;

  Mutex mutex_;
  std::list<ScopePtr> by_use_ ABSL_GUARDED_BY(mutex_);  // that of the last delivery first
  absl::flat_hash_map<std::string, std::list<ScopePtr>::iterator> by_name_ ABSL_GUARDED_BY(mutex_);
  size_t size_ ABSL_GUARDED_BY(mutex_) = 0;  // of all scopes: keys, options, and one for
                                             // each scope
};

}  // namespace tributary
