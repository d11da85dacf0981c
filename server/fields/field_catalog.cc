#include "server/fields/field_catalog.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

// A definition that was proposed so long ago was not committed: its delivery failed, or was a
// duplicate. It holds no place any more.
constexpr int64_t kAwaitedUs = 60LL * 1'000'000;

// After so long it is looked up again whether the tombstone of a definition still stands.
constexpr int64_t kTombstoneUs = 3600LL * 1'000'000;

constexpr int kPage = 1000;

std::string NameOf(const FieldScope& scope) {
  constexpr std::string_view kSeparator("\0", 1);  // in no name
  return absl::StrCat(Absl(scope.model), Absl(kSeparator), Absl(scope.connector_id),
                      Absl(kSeparator), Absl(scope.owner_id));
}

}  // namespace

FieldCatalog::FieldCatalog(const ModelRegistry& models, Store& store, FieldCatalogOptions options)
    : model_(models.field_definitions() == nullptr ? "" : models.field_definitions()->name()),
      store_(store),
      options_(options) {}

Key FieldCatalog::KeyOf(const FieldScope& scope, std::string_view field_key) const {
  return {model_, std::string(scope.connector_id), std::string(scope.owner_id),
          DefinitionId(scope.model, field_key)};
}

CustomFieldRules::Findings FieldCatalog::Check(const FieldScope& scope,
                                               std::span<const SentField> sent, int64_t now_us) {
  Findings findings;
  if (sent.empty() || model_.empty()) return findings;
  std::vector<Proposal> proposals;
  ScopePtr found;
  bool loaded = false;
  {
    MutexLock lock(mutex_);
    found = Find(scope);
    loaded = found->loaded;
    if (loaded) Sort(*found, sent, now_us, findings, proposals);
  }
  if (!loaded) {
    if (!Load(scope, *found)) return findings;
    MutexLock lock(mutex_);
    Sort(*found, sent, now_us, findings, proposals);
  }
  for (const Proposal& proposal : proposals) {
    Propose(scope, *found, proposal, now_us, findings);
  }
  return findings;
}

FieldCatalog::Known FieldCatalog::KnownOf(Revision revision, const FieldDefinition& definition) {
  Known known{.revision = revision,
              .declared = definition.fields().origin() == FieldDefinition::Fields::ORIGIN_DECLARED,
              .type = definition.fields().type(),
              .observed = ObservedTypes(definition)};
  if (known.declared && definition.fields().options_size() > 0) {
    known.options = std::make_shared<const FieldOptions>(OptionsOf(definition));
  }
  return known;
}

FieldCatalog::ScopePtr FieldCatalog::Find(const FieldScope& scope) {
  std::string name = NameOf(scope);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return *found->second;
  }
  while (size_ >= options_.cached_max && !by_use_.empty()) {
    Scope& oldest = *by_use_.back();
    oldest.forgotten = true;
    size_ -= oldest.counted;
    by_name_.erase(oldest.name);
    by_use_.pop_back();
  }
  ScopePtr made = std::make_shared<Scope>();
  made->name = name;
  by_use_.push_front(made);
  by_name_.emplace(std::move(name), by_use_.begin());
  Recount(*made);
  return made;
}

// Learn goes on meanwhile: of what both know, the newer stays.
bool FieldCatalog::Load(const FieldScope& scope, Scope& loading) {
  const std::string prefix = DefinitionId(scope.model, "");
  RecordQuery query;
  query.selection = {{model_}, std::string(scope.connector_id), std::string(scope.owner_id)};
  query.after = KeyOf(scope, "");
  query.max_records = kPage;
  while (query.after.has_value()) {
    const absl::StatusOr<RecordPage> page = store_.List(query);
    if (!page.ok()) {
      LogWarning(absl::StrCat("definitions of custom fields not read: ", page.status().message()));
      return false;
    }
    query.after = page->next;
    MutexLock lock(mutex_);
    for (const Record& record : page->records) {
      if (!std::string_view(record.key.id).starts_with(prefix)) {
        query.after.reset();
        break;
      }
      Put(loading, std::string_view(record.key.id).substr(prefix.size()),
          KnownOf(record.revision, ParseDefinition(record.state)));
    }
    loading.loaded = loading.loaded || !query.after.has_value();
  }
  return true;
}

void FieldCatalog::Sort(Scope& scope, std::span<const SentField> sent, int64_t now_us,
                        Findings& findings, std::vector<Proposal>& proposals) {
  for (size_t i = 0; i < sent.size(); ++i) {
    const auto& [key, value] = sent[i];
    const std::optional<FieldType> type = TypeOf(*value);
    if (!type.has_value()) continue;
    const auto found = scope.known.find(Absl(key));
    if (found == scope.known.end()) {
      SortUnknown(scope, key, *type, now_us, proposals);
      continue;
    }
    const Known& known = found->second;
    if (known.deleted) {
      if (now_us >= known.until_us) SortUnknown(scope, key, *type, now_us, proposals);
      continue;
    }
    if (known.declared) {
      const std::string_view rule = BrokenRule(known.type, known.options.get(), *value);
      if (!rule.empty()) findings.contradictions.push_back({i, rule});
    }
    if ((known.observed & BitOf(*type)) == 0) {
      proposals.push_back({Proposal::Kind::kObserve, key, *type});
    }
  }
}

void FieldCatalog::SortUnknown(Scope& scope, std::string_view key, FieldType type, int64_t now_us,
                               std::vector<Proposal>& proposals) {
  if (scope.awaited.contains(Absl(key))) {
    // Once more: the delivery that was to bring it may not have made it.
    proposals.push_back({Proposal::Kind::kRediscover, key, type});
  } else if (IsDefinable(key) && HasRoom(scope, now_us)) {
    proposals.push_back({Proposal::Kind::kDiscover, key, type});
    scope.awaited.emplace(key, now_us);
    Recount(scope);
  } else {
    undefined_.Add();
  }
}

bool FieldCatalog::HasRoom(Scope& scope, int64_t now_us) const {
  const auto is_full = [&] {
    return scope.discovered + scope.awaited.size() >= options_.discovered_max;
  };
  if (is_full()) {
    absl::erase_if(scope.awaited,
                   [&](const auto& entry) { return entry.second < now_us - kAwaitedUs; });
  }
  return !is_full();
}

void FieldCatalog::Propose(const FieldScope& of, Scope& scope, const Proposal& proposal,
                           int64_t now_us, Findings& findings) {
  Key key = KeyOf(of, proposal.key);
  if (proposal.kind == Proposal::Kind::kRediscover) {
    findings.definitions.push_back(DiscoveryOf(std::move(key), proposal.type, now_us));
    return;
  }
  const absl::StatusOr<std::optional<Record>> record = store_.Get(key, false);
  if (!record.ok()) return;
  if (!record->has_value()) {
    if (proposal.kind == Proposal::Kind::kDiscover) {
      findings.definitions.push_back(DiscoveryOf(std::move(key), proposal.type, now_us));
    }
  } else if ((*record)->deleted) {
    MutexLock lock(mutex_);
    Put(scope, proposal.key,
        {.revision = (*record)->revision, .deleted = true, .until_us = now_us + kTombstoneUs});
  } else if (std::optional<Mutation> seen = ObservationOf(**record, proposal.type, now_us)) {
    findings.definitions.push_back(*std::move(seen));
  }
}

void FieldCatalog::Merge(std::span<Delivery> batch) {
  std::map<Key, std::vector<Mutation*>> told;  // by definition
  for (Delivery& delivery : batch) {
    // The last one is the delivery's own.
    for (size_t i = 0; i + 1 < delivery.mutations.size(); ++i) {
      Mutation& mutation = delivery.mutations[i];
      if (mutation.expected.has_value()) told[mutation.key].push_back(&mutation);
    }
  }
  for (const auto& [key, mutations] : told) MergeOne(mutations);
}

// Each of them then tells of all that they have seen together: the first that is applied makes it
// so, and the others are passed over.
void FieldCatalog::MergeOne(std::span<Mutation* const> told) {
  const absl::StatusOr<std::optional<Record>> record = store_.Get(told.front()->key, false);
  if (!record.ok() || (record->has_value() && (*record)->deleted)) return;
  const bool stands = record->has_value();
  FieldDefinition seen;
  if (stands) seen = ParseDefinition((*record)->state);
  const uint32_t known = ObservedTypes(seen);
  for (const Mutation* mutation : told) AddObservedTypes(ParseDefinition(mutation->state), seen);
  if (stands && ObservedTypes(seen) == known) return;
  for (Mutation* mutation : told) {
    FieldDefinition definition = ParseDefinition(mutation->state);
    if (stands) {
      *seen.mutable_updated_at() = definition.updated_at();
      definition = seen;
    } else {
      AddObservedTypes(seen, definition);
    }
    mutation->state = EncodeDefinition(definition);
    mutation->expected = stands ? (*record)->revision : 0;
  }
}

void FieldCatalog::Learn(std::span<const ChangePtr> changes) {
  for (const ChangePtr& change : changes) {
    if (change->key.model != model_) continue;
    const std::optional<DefinedField> field = ParseDefinitionId(change->key.id);
    if (!field.has_value()) continue;
    Known known{.revision = change->revision};
    if (IsTombstone(change->kind)) {
      known.deleted = true;
      known.until_us = change->received_us + kTombstoneUs;
    } else {
      known = KnownOf(change->revision, ParseDefinition(change->state));
    }
    MutexLock lock(mutex_);
    const auto found =
        by_name_.find(NameOf({field->model, change->key.connector_id, change->key.owner_id}));
    if (found != by_name_.end()) Put(**found->second, field->key, known);
  }
}

void FieldCatalog::Put(Scope& scope, std::string_view key, const Known& known) {
  const auto is_discovered = [](const Known& one) { return !one.deleted && !one.declared; };
  Known& place = scope.known[std::string(key)];
  if (place.revision > known.revision) return;
  scope.discovered -= place.revision != 0 && is_discovered(place) ? 1 : 0;
  scope.options -= place.options_size();
  place = known;
  scope.discovered += is_discovered(known) ? 1 : 0;
  scope.options += known.options_size();
  scope.awaited.erase(Absl(key));
  Recount(scope);
}

void FieldCatalog::Recount(Scope& scope) {
  if (scope.forgotten) return;
  size_ -= scope.counted;
  scope.counted = 1 + scope.known.size() + scope.awaited.size() + scope.options;
  size_ += scope.counted;
}

}  // namespace tributary
