#pragma once

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"

namespace tributary::sqlite {

// Lets everybody pass, or nobody. Thread-safe.
class Gate {
 public:
  // Through the gate for as long as it lives; waits while the gate is shut.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(gate) { gate_.Enter(); }
    ~Pass() { gate_.Leave(); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    Gate& gate_;
  };

  // Lets nobody pass any more, and waits until those who did have left.
  void Shut() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    shut_ = true;
    while (inside_ > 0) changed_.Wait(mutex_);
  }

  void Open() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(mutex_);
      shut_ = false;
    }
    changed_.NotifyAll();
  }

 private:
  void Enter() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    while (shut_) changed_.Wait(mutex_);
    ++inside_;
  }

  void Leave() ABSL_LOCKS_EXCLUDED(mutex_) {
    bool last = false;
    {
      MutexLock lock(mutex_);
      last = --inside_ == 0 && shut_;
    }
    if (last) changed_.NotifyAll();
  }

  Mutex mutex_;
  Condition changed_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tributary::sqlite
