#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/writer.h"

namespace tributary::sqlite {

// Has the writer do late work and settle states (sweep.h) while nobody commits: a slice at a time,
// on a thread of its own, and none within kQuiet of a commit. `writer` and what `after_slice` uses
// must outlive it.
class Settler {
 public:
  static constexpr std::chrono::milliseconds kQuiet{5};
  // Time alone makes history old.
  static constexpr std::chrono::seconds kLookAgain{10};

  // `after_slice` is called when one was written.
  Settler(Writer& writer, std::function<void()> after_slice);
  ~Settler();

  // To be called after a commit.
  void Notice() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);

  Writer& writer_;
  const std::function<void()> after_slice_;
  Mutex mutex_;
  Condition wake_;
  bool due_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point quiet_since_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace tributary::sqlite
