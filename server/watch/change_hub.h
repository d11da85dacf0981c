#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/base/executor.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "server/store/store.h"
#include "server/watch/change_block.h"
#include "server/watch/late_pages.h"

namespace tributary {

// Knows the head of the log, keeps the newest changes in memory, and wakes those who wait for more.
//
// Watchers hold a position, never a queue: whoever falls behind the window reads from the store, so
// a stalled watcher costs nothing here. A commit wakes only the watchers whose selection it
// touched. Thread-safe.
class ChangeHub {
 public:
  // Who waits for changes; the base of whatever is to be woken.
  class Waiter {
   public:
    virtual ~Waiter() = default;

    // A change that the selection covers is there: none that it covers came since it began to wait,
    // up to `untouched`. Called once for each Wait.
    virtual void Wake(Revision untouched) = 0;

   private:
    friend class ChangeHub;
    // Both guarded by the hub's mutex.
    uint64_t route_ = 0;
    uint64_t round_ = 0;  // of the route, when the wait began; 0: not waiting
  };

  // The log ends at `head`, committed at `committed_us` (0: not known). Waiters are woken on
  // `executor`, or, if it is null, by the publishing thread.
  ChangeHub(Revision head, int64_t committed_us, size_t window_bytes_max = limits::kWindowBytesMax,
            Executor* executor = nullptr);

  // `changes` follow the head without a gap; called by one thread, after they are durable. Costs
  // that thread little, whatever the number of watchers.
  void Publish(const std::vector<ChangePtr>& changes) ABSL_LOCKS_EXCLUDED(mutex_);

  struct Stand {
    Revision revision = 0;
    int64_t committed_us = 0;  // when `revision` was committed; 0: not known
  };
  Stand head() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What Store::Changes would answer, from memory; nullopt if the window does not reach back to it.
  // Changes always come with `raw` and `before`, whether asked for or not.
  std::optional<ChangeRuns> Recent(const ChangeQuery& query) const ABSL_LOCKS_EXCLUDED(mutex_);

  // True if the window reaches back to what comes after `after`.
  bool Holds(Revision after) const ABSL_LOCKS_EXCLUDED(mutex_);

  // For those whom the window does not reach back to.
  LatePages& late_pages() { return late_pages_; }

  // Wakes `waiter` once when a change after `after` that `selection` covers is there. False, and it
  // never does, if there may be one already: read first. `waiter` must not be waiting.
  bool Wait(const Selection& selection, Revision after, std::shared_ptr<Waiter> waiter)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The head, if `waiter` still waits: then nothing that it covers came since it began to. nullopt
  // if it was woken.
  std::optional<Stand> Untouched(const Waiter& waiter) const ABSL_LOCKS_EXCLUDED(mutex_);

  // After this `waiter` is not woken, unless that is already under way.
  void Cancel(const Waiter& waiter) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Those who wait for changes of one selection.
  struct Route {
    uint64_t round = 0;  // never the same twice: tells a route from the one before it
    unsigned parts = 0;  // of a key that it names
    std::vector<std::shared_ptr<Waiter>> waiting;
  };
  struct Block {
    Revision first = 0;
    BlockPtr block;
    size_t bytes = 0;
  };
  struct Woken {
    Revision untouched = 0;
    std::vector<std::shared_ptr<Waiter>> waiters;
  };

  bool WindowHolds(Revision after) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The blocks that hold what comes after `query.after`, as far as one answer may need them.
  std::vector<Block> BlocksFor(const ChangeQuery& query, Revision end) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeTouched(const Change& change, std::vector<Woken>& woken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveRoute(uint64_t key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeAll(std::vector<Woken> woken);

  const size_t window_bytes_max_;
  Executor* const executor_;
  LatePages late_pages_;
  mutable Mutex mutex_;
  Stand head_ ABSL_GUARDED_BY(mutex_);
  std::deque<Block> window_ ABSL_GUARDED_BY(mutex_);  // gap-free, ends at the head
  size_t window_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_round_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Route> routes_ ABSL_GUARDED_BY(mutex_);
  // How many routes name which parts of a key (bits: model, connector, owner): what no route names
  // is not looked for.
  std::array<size_t, 8> routes_by_parts_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace tributary
