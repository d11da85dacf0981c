#include "server/store/sqlite/overlay.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tributary::sqlite {
namespace {

void AppendRevisions(const Overlay::Layer& layer, int64_t scope, Revision after, Revision through,
                     size_t limit, std::vector<Revision>& revisions) {
  const auto found = layer.revisions.find(scope);
  if (found == layer.revisions.end()) return;
  auto at = std::upper_bound(found->second.begin(), found->second.end(), after);
  for (; at != found->second.end() && *at <= through && revisions.size() < limit; ++at) {
    revisions.push_back(*at);
  }
}

}  // namespace

Overlay::Found Overlay::Find(const PointerKeyView& key) const {
  MutexLock lock(mutex_);
  Found found;
  found.age.drops = drops_;
  if (const auto at = active_.pointers.find(key); at != active_.pointers.end()) {
    found.pointer = at->second;
  } else if (frozen_ != nullptr) {
    const auto old = frozen_->pointers.find(key);
    if (old != frozen_->pointers.end()) found.pointer = old->second;
  }
  if (found.pointer.has_value()) found.age.newest = found.pointer->revision;
  return found;
}

Overlay::Range Overlay::From(const PointerKeyView& from, size_t limit) const {
  MutexLock lock(mutex_);
  Range range;
  range.age.drops = drops_;
  auto newer = active_.pointers.lower_bound(from);
  const Pointers none;
  const Pointers& frozen = frozen_ == nullptr ? none : frozen_->pointers;
  auto older = frozen.lower_bound(from);
  const auto within = [&](const Pointers& pointers, const Pointers::const_iterator& at) {
    return at != pointers.end() && at->first.scope == from.scope;
  };
  while (range.entries.size() < limit) {
    const bool has_newer = within(active_.pointers, newer);
    const bool has_older = within(frozen, older);
    if (!has_newer && !has_older) break;
    const int order = !has_older ? -1 : !has_newer ? 1 : newer->first.id.compare(older->first.id);
    const auto& taken = order <= 0 ? *newer : *older;
    range.entries.push_back({taken.first.id, taken.second});
    range.age.newest = std::max(range.age.newest, taken.second.revision);
    if (order <= 0) ++newer;
    if (order >= 0) ++older;
  }
  return range;
}

Overlay::Revisions Overlay::Of(int64_t scope, Revision after, Revision through,
                               size_t limit) const {
  MutexLock lock(mutex_);
  Revisions found;
  found.age.drops = drops_;
  found.applied = applied_;
  if (frozen_ != nullptr) {
    AppendRevisions(*frozen_, scope, after, through, limit, found.revisions);
  }
  AppendRevisions(active_, scope, after, through, limit, found.revisions);
  if (!found.revisions.empty()) found.age.newest = found.revisions.back();
  return found;
}

Overlay::Candidates Overlay::Behind(const EntryKey& after, bool equal, size_t limit) const {
  MutexLock lock(mutex_);
  Candidates found;
  found.age.drops = drops_;
  const auto add = [&](const EntryEventsByKey& entries) {
    size_t left = limit;
    for (auto at = entries.upper_bound(after); at != entries.end() && left > 0; ++at, --left) {
      const EntryKey& key = at->first;
      if (key.scope() != after.scope() || key.field() != after.field()) return;
      if (equal && key.value() != after.value()) return;
      found.candidates.push_back({std::string(key.value()), std::string(key.id())});
    }
  };
  add(active_.entries);
  if (frozen_ != nullptr) add(frozen_->entries);
  std::sort(found.candidates.begin(), found.candidates.end());
  const auto end = std::unique(found.candidates.begin(), found.candidates.end());
  found.candidates.erase(end, found.candidates.end());
  if (found.candidates.size() > limit) found.candidates.resize(limit);
  return found;
}

Overlay::Value Overlay::ValueBelow(const EntryKey& before) const {
  MutexLock lock(mutex_);
  Value found;
  found.age.drops = drops_;
  const auto look = [&](const EntryEventsByKey& entries) {
    auto at = entries.lower_bound(before);
    if (at == entries.begin()) return;
    const EntryKey& key = std::prev(at)->first;
    if (key.scope() != before.scope() || key.field() != before.field()) return;
    if (!found.value.has_value() || *found.value < key.value()) found.value = key.value();
  };
  look(active_.entries);
  if (frozen_ != nullptr) look(frozen_->entries);
  return found;
}

uint64_t Overlay::drops() const {
  MutexLock lock(mutex_);
  return drops_;
}

size_t Overlay::weight() const {
  MutexLock lock(mutex_);
  return active_.weight;
}

void Overlay::Begin(Revision applied) {
  MutexLock lock(mutex_);
  active_ = Layer();
  active_.revision = applied;
  frozen_.reset();
  applied_ = applied;
}

void Overlay::Add(Added added) {
  MutexLock lock(mutex_);
  for (auto& [key, pointer] : added.pointers) active_.pointers[key] = pointer;
  Revision revision = added.revision - static_cast<Revision>(added.scopes.size());
  for (const int64_t scope : added.scopes) active_.revisions[scope].push_back(++revision);
  for (auto& [key, event] : added.entries) {
    active_.entries[std::move(key)].push_back(event);
  }
  active_.weight += added.weight;
  active_.revision = added.revision;
  active_.delivery = added.delivery;
}

Overlay::LayerPtr Overlay::Freeze(size_t weight_min) {
  MutexLock lock(mutex_);
  if (frozen_ == nullptr && active_.weight > 0 && active_.weight >= weight_min) {
    Layer next;
    next.revision = active_.revision;
    next.delivery = active_.delivery;
    frozen_ = std::make_shared<const Layer>(std::exchange(active_, std::move(next)));
  }
  return frozen_;
}

void Overlay::Drop() {
  LayerPtr dropped;  // freed outside the lock
  MutexLock lock(mutex_);
  applied_ = frozen_->revision;
  dropped = std::move(frozen_);
  ++drops_;
}

}  // namespace tributary::sqlite
