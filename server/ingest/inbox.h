#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"

namespace tributary {

// Where other threads leave what a session waits for, for the thread that answers it: the writer's
// what became of deliveries, gRPC's the cards. A whole batch wakes that thread once. Who puts
// shares it: what comes after the server is gone finds it closed and goes nowhere. Thread-safe.
template <typename Item>
class Inbox {
 public:
  // `wake` is called for the first item in an empty inbox; whoever is woken has to Take(). It must
  // neither block nor come back here.
  explicit Inbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Put(Item item) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    if (closed_) return;
    items_.push_back(std::move(item));
    // Under the lock, for which Close() waits: what is woken cannot go meanwhile.
    if (items_.size() == 1) wake_();
  }

  // Exchanges what lies here for the empty `items`.
  void Take(std::vector<Item>& items) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    items.swap(items_);
  }

  // From now on nothing is kept. `wake` is not called after this has returned.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    closed_ = true;
    items_.clear();
  }

 private:
  const std::function<void()> wake_;
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
