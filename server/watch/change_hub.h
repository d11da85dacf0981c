#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "server/store/store.h"

namespace tributary {

// Knows the head of the log, keeps the newest changes in memory, and wakes those who wait for more.
//
// Watchers hold a position, never a queue: whoever falls behind the window reads from the store, so
// a stalled watcher costs nothing here. A commit wakes only the watchers whose selection it
// touched. Thread-safe.
class ChangeHub {
 public:
  using Wake = std::function<void()>;

  // The log ends at `head`, committed at `committed_us` (0: not known).
  ChangeHub(Revision head, int64_t committed_us, size_t window_bytes_max = limits::kWindowBytesMax);

  // `changes` follow the head without a gap; called by one thread, after they are durable.
  void Publish(const std::vector<ChangePtr>& changes) ABSL_LOCKS_EXCLUDED(mutex_);

  struct Stand {
    Revision revision = 0;
    int64_t committed_us = 0;  // when `revision` was committed; 0: not known
  };
  Stand head() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What Store::Changes would answer, from memory; nullopt if the window does not reach back to it.
  // A page always comes with `raw` and `before`, whether asked for or not.
  std::optional<ChangePage> Recent(const ChangeQuery& query) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `wake` once, from the publishing thread, when a change after `after` that `selection`
  // covers is there. Returns 0, and never calls it, if there may be one already: read first.
  // Otherwise an id for Cancel.
  uint64_t Wait(const Selection& selection, Revision after, Wake wake) ABSL_LOCKS_EXCLUDED(mutex_);

  // The head, if `id` still waits: then nothing that it covers came since it began to. nullopt if
  // it was woken.
  std::optional<Stand> Untouched(uint64_t id) const ABSL_LOCKS_EXCLUDED(mutex_);

  // After this `wake` of `id` is not called, unless a call is already under way.
  void Cancel(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    std::vector<std::string> routes;
    Wake wake;
  };

  bool WindowHolds(Revision after) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Forgets `id` and its routes; the waker, if it was known.
  Wake Remove(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CollectTouched(const Key& key, std::vector<uint64_t>& ids) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t window_bytes_max_;
  mutable Mutex mutex_;
  Stand head_ ABSL_GUARDED_BY(mutex_);
  std::deque<ChangePtr> window_ ABSL_GUARDED_BY(mutex_);  // gap-free, ends at the head
  size_t window_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  // Route (model, connector, owner; empty is any) -> those who wait on it.
  std::unordered_map<std::string, std::vector<uint64_t>> routes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
