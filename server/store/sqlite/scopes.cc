#include "server/store/sqlite/scopes.h"

#include <algorithm>
#include <utility>

namespace tributary::sqlite {

void Scopes::Add(Scope scope) {
  MutexLock lock(mutex_);
  next_id_ = std::max(next_id_, scope.id + 1);
  const Scope* added = &all_.emplace_back(std::move(scope));
  by_id_.emplace(added->id, added);
  by_name_.insert(added);
}

const Scope* Scopes::Find(int64_t id) const {
  MutexLock lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const Scope* Scopes::Find(const ScopeName& name) const {
  MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : *found;
}

const Scope* Scopes::Seek(const Selection& selection, const ScopeName& from) const {
  const auto selected = [&](std::string_view model) {
    return selection.models.empty() || std::find(selection.models.begin(), selection.models.end(),
                                                 model) != selection.models.end();
  };
  // The smallest string after `text`: skips everything that has `text` in its place.
  const auto successor = [](std::string_view text) { return std::string(text) + '\0'; };

  MutexLock lock(mutex_);
  auto at = by_name_.lower_bound(from);
  while (at != by_name_.end()) {
    const Scope& scope = **at;
    const int connector =
        selection.connector_id.empty() ? 0 : scope.connector_id.compare(selection.connector_id);
    const int owner = selection.owner_id.empty() ? 0 : scope.owner_id.compare(selection.owner_id);
    if (!selected(scope.model) || connector > 0) {
      at = by_name_.lower_bound(ScopeName(successor(scope.model), "", ""));
    } else if (connector < 0) {
      at = by_name_.lower_bound(ScopeName(scope.model, selection.connector_id, selection.owner_id));
    } else if (owner > 0) {
      at = by_name_.lower_bound(ScopeName(scope.model, successor(scope.connector_id), ""));
    } else if (owner < 0) {
      at = by_name_.lower_bound(ScopeName(scope.model, scope.connector_id, selection.owner_id));
    } else {
      return &scope;
    }
  }
  return nullptr;
}

const Scope* Scopes::After(const Selection& selection, const Scope& scope) const {
  return Seek(selection,
              ScopeName(scope.model, scope.connector_id, std::string(scope.owner_id) + '\0'));
}

size_t Scopes::size() const {
  MutexLock lock(mutex_);
  return all_.size();
}

int64_t Scopes::NextId() const {
  MutexLock lock(mutex_);
  return next_id_;
}

}  // namespace tributary::sqlite
