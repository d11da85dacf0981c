#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"

namespace tributary {

// Results that come one by one, on other threads, for one that waits for all of them. Who puts
// shares it, as they may come after the waiting is over. Thread-safe.
template <typename Result>
class Gathering {
 public:
  void Put(Result result) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    all_.push_back(std::move(result));
    came_.NotifyAll();
  }

  // Until `count` have come; in the order in which they came.
  std::vector<Result> Wait(size_t count) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    while (all_.size() < count) came_.Wait(mutex_);
    return std::exchange(all_, {});
  }

 private:
  Mutex mutex_;
  Condition came_;
  std::vector<Result> all_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
