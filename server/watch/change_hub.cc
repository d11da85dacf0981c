#include "server/watch/change_hub.h"

#include <algorithm>
#include <utility>

namespace tributary {
namespace {

// Changes looked at by one Recent call: bounds the time that the lock is held.
constexpr int kScanMax = 4096;

std::string Route(std::string_view model, std::string_view connector_id,
                  std::string_view owner_id) {
  // No part holds a control character, so the separator is unambiguous.
  std::string route;
  route.reserve(model.size() + connector_id.size() + owner_id.size() + 2);
  route.append(model).append(1, '\0').append(connector_id).append(1, '\0').append(owner_id);
  return route;
}

std::vector<std::string> RoutesOf(const Selection& selection) {
  if (selection.models.empty()) return {Route("", selection.connector_id, selection.owner_id)};
  std::vector<std::string> routes;
  for (const std::string& model : selection.models) {
    routes.push_back(Route(model, selection.connector_id, selection.owner_id));
  }
  return routes;
}

bool SameScope(const Key& a, const Key& b) {
  return a.owner_id == b.owner_id && a.connector_id == b.connector_id && a.model == b.model;
}

}  // namespace

ChangeHub::ChangeHub(Revision head, int64_t committed_us, size_t window_bytes_max)
    : window_bytes_max_(window_bytes_max), head_{head, committed_us} {}

ChangeHub::Stand ChangeHub::head() const {
  MutexLock lock(mutex_);
  return head_;
}

void ChangeHub::Publish(const std::vector<ChangePtr>& changes) {
  if (changes.empty()) return;
  std::vector<Wake> wakes;
  {
    MutexLock lock(mutex_);
    std::vector<uint64_t> touched;
    const Key* last = nullptr;
    for (const ChangePtr& change : changes) {
      window_.push_back(change);
      window_bytes_ += change->Bytes();
      if (waiters_.empty() || (last != nullptr && SameScope(*last, change->key))) continue;
      CollectTouched(change->key, touched);
      last = &change->key;
    }
    while (window_bytes_ > window_bytes_max_ && !window_.empty()) {
      window_bytes_ -= window_.front()->Bytes();
      window_.pop_front();
    }
    head_ = {changes.back()->revision, changes.back()->committed_us};
    for (const uint64_t id : touched) {
      if (Wake wake = Remove(id)) wakes.push_back(std::move(wake));
    }
  }
  for (const Wake& wake : wakes) wake();
}

void ChangeHub::CollectTouched(const Key& key, std::vector<uint64_t>& ids) const {
  for (int mask = 0; mask < 8; ++mask) {
    const std::string_view none;
    const auto waiting = routes_.find(Route((mask & 1) != 0 ? key.model : none,
                                            (mask & 2) != 0 ? key.connector_id : none,
                                            (mask & 4) != 0 ? key.owner_id : none));
    if (waiting != routes_.end()) {
      ids.insert(ids.end(), waiting->second.begin(), waiting->second.end());
    }
  }
}

bool ChangeHub::WindowHolds(Revision after) const {
  return after >= head_.revision - static_cast<Revision>(window_.size());
}

std::optional<ChangePage> ChangeHub::Recent(const ChangeQuery& query) const {
  MutexLock lock(mutex_);
  if (!WindowHolds(query.after)) return std::nullopt;
  ChangePage page;
  page.head = head_.revision;
  page.through = query.after;
  const Revision end = std::min(query.through.value_or(head_.revision), head_.revision);
  const Revision first = head_.revision - static_cast<Revision>(window_.size()) + 1;
  size_t bytes = 0;
  for (int scanned = 0; page.through < end && scanned < kScanMax; ++scanned) {
    const ChangePtr& change = window_[static_cast<size_t>(page.through + 1 - first)];
    if (change->kind != ChangeKind::kHidden && query.selection.Covers(change->key)) {
      bytes += change->Bytes();
      const bool full = static_cast<int>(page.changes.size()) >= query.max_changes;
      if (!page.changes.empty() && (full || bytes > query.max_bytes)) break;
      page.changes.push_back(change);
    }
    ++page.through;
  }
  return page;
}

uint64_t ChangeHub::Wait(const Selection& selection, Revision after, Wake wake) {
  MutexLock lock(mutex_);
  if (!WindowHolds(after)) return 0;
  // A reader of the store may be ahead of what was published here.
  const auto newer = static_cast<size_t>(std::max<Revision>(head_.revision - after, 0));
  for (size_t back = newer; back > 0; --back) {
    if (selection.Covers(window_[window_.size() - back]->key)) return 0;
  }
  const uint64_t id = ++last_id_;
  std::vector<std::string> routes = RoutesOf(selection);
  for (const std::string& route : routes) routes_[route].push_back(id);
  waiters_.emplace(id, Waiter{std::move(routes), std::move(wake)});
  return id;
}

ChangeHub::Wake ChangeHub::Remove(uint64_t id) {
  const auto waiter = waiters_.find(id);
  if (waiter == waiters_.end()) return nullptr;
  for (const std::string& route : waiter->second.routes) {
    const auto waiting = routes_.find(route);
    std::erase(waiting->second, id);
    if (waiting->second.empty()) routes_.erase(waiting);
  }
  Wake wake = std::move(waiter->second.wake);
  waiters_.erase(waiter);
  return wake;
}

std::optional<ChangeHub::Stand> ChangeHub::Untouched(uint64_t id) const {
  MutexLock lock(mutex_);
  if (!waiters_.contains(id)) return std::nullopt;
  return head_;
}

void ChangeHub::Cancel(uint64_t id) {
  MutexLock lock(mutex_);
  (void)Remove(id);
}

}  // namespace tributary
