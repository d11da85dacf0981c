#include "server/watch/change_hub.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/hash/hash.h"

namespace tributary {
namespace {

// Changes looked at by one Recent call: bounds the time that the lock is held.
constexpr size_t kScanMax = 1024;

// Waiters that one task wakes. Few enough that all threads get some, many enough that handing over
// a task does not cost more than its work.
constexpr size_t kWakesPerTask = 16;

// What one change adds to an answer, tags and the fields of the change itself included. Not exact,
// but never less.
size_t AnswerBytes(const Change& change, const ChangeQuery& query) {
  constexpr size_t kFrame = 128;
  const Key& key = change.key;
  size_t bytes = kFrame + change.state.size() + change.changed_fields.size();
  bytes += key.connector_id.size() + key.owner_id.size() + key.id.size();
  if (query.raw) bytes += change.raw.size();
  if (change.before != nullptr && (query.before || change.kind == ChangeKind::kDeleted)) {
    bytes += change.before->state.size() + (query.raw ? change.before->raw.size() : 0);
  }
  return bytes;
}

// Memory of a change and of one encoding of it.
size_t WindowBytes(const Change& change) {
  return change.Bytes() + AnswerBytes(change, ChangeQuery());
}

enum Part : unsigned { kModel = 1, kConnector = 2, kOwner = 4 };

// The parts of a key by which it is found on its routes, hashed once for all of them.
class RouteKeys {
 public:
  RouteKeys(std::string_view model, std::string_view connector_id, std::string_view owner_id)
      : model_(Hash(model)), connector_(Hash(connector_id)), owner_(Hash(owner_id)) {}

  // Two selections with one key would be woken for each other's changes, which is no fault.
  uint64_t Of(unsigned parts) const {
    return absl::HashOf(parts, (parts & kModel) != 0 ? model_ : 0,
                        (parts & kConnector) != 0 ? connector_ : 0,
                        (parts & kOwner) != 0 ? owner_ : 0);
  }

 private:
  static size_t Hash(std::string_view part) { return std::hash<std::string_view>()(part); }

  const size_t model_;
  const size_t connector_;
  const size_t owner_;
};

// A selection of several models waits for all of them: it is woken too often, never too seldom.
unsigned PartsOf(const Selection& selection) {
  return (selection.models.size() == 1 ? kModel : 0u) |
         (selection.connector_id.empty() ? 0u : kConnector) |
         (selection.owner_id.empty() ? 0u : kOwner);
}

bool SameScope(const Key& a, const Key& b) {
  return a.owner_id == b.owner_id && a.connector_id == b.connector_id && a.model == b.model;
}

bool Reaches(const Change& change, const Selection& selection) {
  return change.kind != ChangeKind::kHidden && selection.Covers(change.key);
}

}  // namespace

ChangeHub::ChangeHub(Revision head, int64_t committed_us, size_t window_bytes_max,
                     Executor* executor)
    : window_bytes_max_(window_bytes_max), executor_(executor), head_{head, committed_us} {}

ChangeHub::Stand ChangeHub::head() const {
  MutexLock lock(mutex_);
  return head_;
}

void ChangeHub::Publish(const std::vector<ChangePtr>& changes) {
  if (changes.empty()) return;
  Block block{changes.front()->revision, std::make_shared<const ChangeBlock>(changes), 0};
  for (const ChangePtr& change : changes) block.bytes += WindowBytes(*change);
  std::vector<Woken> woken;
  {
    MutexLock lock(mutex_);
    window_bytes_ += block.bytes;
    window_.push_back(std::move(block));
    while (window_bytes_ > window_bytes_max_) {
      window_bytes_ -= window_.front().bytes;
      window_.pop_front();
    }
    head_ = {changes.back()->revision, changes.back()->committed_us};
    const Key* last = nullptr;
    for (const ChangePtr& change : changes) {
      if (routes_.empty()) break;
      if (change->kind == ChangeKind::kHidden) continue;
      if (last == nullptr || !SameScope(*last, change->key)) TakeTouched(*change, woken);
      last = &change->key;
    }
  }
  WakeAll(std::move(woken));
}

void ChangeHub::TakeTouched(const Change& change, std::vector<Woken>& woken) {
  const Key& key = change.key;
  const RouteKeys keys(key.model, key.connector_id, key.owner_id);
  for (unsigned parts = 0; parts < routes_by_parts_.size(); ++parts) {
    if (routes_by_parts_[parts] == 0) continue;
    const auto route = routes_.find(keys.Of(parts));
    if (route == routes_.end()) continue;
    woken.push_back({change.revision - 1, std::move(route->second.waiting)});
    RemoveRoute(route->first);
  }
}

void ChangeHub::RemoveRoute(uint64_t key) {
  const auto route = routes_.find(key);
  --routes_by_parts_[route->second.parts];
  routes_.erase(route);
}

void ChangeHub::WakeAll(std::vector<Woken> woken) {
  if (woken.empty()) return;
  if (executor_ == nullptr) {
    for (const Woken& some : woken) {
      for (const auto& waiter : some.waiters) waiter->Wake(some.untouched);
    }
    return;
  }
  // One task is all that the publishing thread hands over; it finds work for the other threads.
  executor_->Post([executor = executor_, woken = std::move(woken)] {
    using Wakes = std::vector<std::pair<std::shared_ptr<Waiter>, Revision>>;
    const auto wake = [](const Wakes& wakes) {
      for (const auto& [waiter, untouched] : wakes) waiter->Wake(untouched);
    };
    std::vector<std::function<void()>> tasks;
    Wakes wakes;
    for (const Woken& some : woken) {
      for (const auto& waiter : some.waiters) {
        wakes.emplace_back(waiter, some.untouched);
        if (wakes.size() < kWakesPerTask) continue;
        tasks.emplace_back([wake, wakes = std::exchange(wakes, {})] { wake(wakes); });
      }
    }
    executor->PostAll(std::move(tasks));
    wake(wakes);
  });
}

bool ChangeHub::WindowHolds(Revision after) const {
  return after >= (window_.empty() ? head_.revision : window_.front().first - 1);
}

bool ChangeHub::Holds(Revision after) const {
  MutexLock lock(mutex_);
  return WindowHolds(after);
}

std::vector<ChangeHub::Block> ChangeHub::BlocksFor(const ChangeQuery& query, Revision end) const {
  std::vector<Block> blocks;
  auto next = std::upper_bound(
      window_.begin(), window_.end(), query.after + 1,
      [](Revision revision, const Block& block) { return revision < block.first; });
  if (next != window_.begin()) --next;
  const auto most = static_cast<size_t>(std::max(query.max_changes, 1));
  for (size_t changes = 0, bytes = 0; next != window_.end() && next->first <= end; ++next) {
    blocks.push_back(*next);
    changes += next->block->changes().size();
    bytes += next->bytes;
    // What is looked at in vain counts too, so that a reader of little does not hold up the others.
    if (changes > std::max(most, kScanMax) || bytes > 8 * query.max_bytes) break;
  }
  return blocks;
}

std::optional<ChangeRuns> ChangeHub::Recent(const ChangeQuery& query) const {
  ChangeRuns read;
  std::vector<Block> blocks;
  Revision end = 0;
  {
    MutexLock lock(mutex_);
    if (!WindowHolds(query.after)) return std::nullopt;
    read.head = head_.revision;
    end = std::min(query.through.value_or(read.head), read.head);
    if (query.after < end) blocks = BlocksFor(query, end);
  }
  read.through = query.after;
  size_t bytes = 0;
  int taken = 0;
  for (const Block& block : blocks) {
    const std::span<const ChangePtr> changes = block.block->changes();
    bool goes_on = false;  // the last run ends just before this change
    for (auto i = static_cast<size_t>(std::max<Revision>(read.through + 1 - block.first, 0));
         i < changes.size() && changes[i]->revision <= end; ++i) {
      const bool reaches = Reaches(*changes[i], query.selection);
      if (reaches) {
        bytes += AnswerBytes(*changes[i], query);
        if (taken > 0 && (taken >= query.max_changes || bytes > query.max_bytes)) return read;
        if (!goes_on) read.runs.push_back({block.block, static_cast<uint32_t>(i), 0});
        ++read.runs.back().count;
        ++taken;
      }
      goes_on = reaches;
      read.through = changes[i]->revision;
    }
  }
  return read;
}

bool ChangeHub::Wait(const Selection& selection, Revision after, std::shared_ptr<Waiter> waiter) {
  const unsigned parts = PartsOf(selection);
  const uint64_t key = RouteKeys(selection.models.size() == 1 ? selection.models.front() : "",
                                 selection.connector_id, selection.owner_id)
                           .Of(parts);
  MutexLock lock(mutex_);
  if (!WindowHolds(after)) return false;
  // A reader of the store may be ahead of what was published here.
  for (auto block = window_.rbegin(); block != window_.rend() && after < head_.revision; ++block) {
    const std::span<const ChangePtr> changes = block->block->changes();
    for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
      if ((*change)->revision <= after) break;
      if (Reaches(**change, selection)) return false;
    }
    if (block->first <= after + 1) break;
  }
  const auto [route, is_new] = routes_.try_emplace(key);
  if (is_new) {
    route->second.round = ++last_round_;
    route->second.parts = parts;
    ++routes_by_parts_[parts];
  }
  waiter->route_ = key;
  waiter->round_ = route->second.round;
  route->second.waiting.push_back(std::move(waiter));
  return true;
}

std::optional<ChangeHub::Stand> ChangeHub::Untouched(const Waiter& waiter) const {
  MutexLock lock(mutex_);
  const auto route = routes_.find(waiter.route_);
  if (route == routes_.end() || route->second.round != waiter.round_) return std::nullopt;
  return head_;
}

void ChangeHub::Cancel(const Waiter& waiter) {
  MutexLock lock(mutex_);
  const auto route = routes_.find(waiter.route_);
  if (route == routes_.end() || route->second.round != waiter.round_) return;
  std::erase_if(route->second.waiting,
                [&](const auto& waiting) { return waiting.get() == &waiter; });
  if (route->second.waiting.empty()) RemoveRoute(route->first);
}

}  // namespace tributary
