#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tributary::command {

// Takes SIGINT and SIGTERM while it lives, and tells of the first one, on a thread of its own; the
// second ends the process at once, for a write that blocks. Make it before any other thread, which
// would else take the signals away from it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();

  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // What to do; at once if the signal has come already. Null: nothing any more, and after the
  // return what was to be done is not under way either.
  void OnSignal(std::function<void()> action) ABSL_LOCKS_EXCLUDED(mutex_);

  // The signal that came; 0 if none did.
  int signal() const { return signal_.load(); }

 private:
  void Loop();

  sigset_t before_;
  int signals_fd_;
  int stop_fd_;
  std::atomic<int> signal_ = 0;
  absl::Mutex mutex_;
  std::function<void()> action_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace tributary::command
