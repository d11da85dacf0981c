#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/writer.h"

namespace tributary::sqlite {

// Has the writer do late work and settle states (sweep.h) while nobody commits: a slice at a time,
// on a thread of its own, and none during a commit or within kQuiet of one. `writer` and what
// `after_slice` uses must outlive it.
class Settler {
 public:
  static constexpr std::chrono::milliseconds kQuiet{5};
  // Time alone makes history old.
  static constexpr std::chrono::seconds kLookAgain{10};

  // `after_slice` is called when one was written.
  Settler(Writer& writer, std::function<void()> after_slice);
  ~Settler();

  // To be called before a commit and after it.
  void CommitBegins() ABSL_LOCKS_EXCLUDED(mutex_);
  void CommitEnded() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // When it will have been quiet for long enough, if nothing comes meanwhile.
  std::chrono::steady_clock::time_point QuietAt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Writer& writer_;
  const std::function<void()> after_slice_;
  Mutex mutex_;
  Condition wake_;
  bool due_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int commits_ ABSL_GUARDED_BY(mutex_) = 0;  // in progress
  std::chrono::steady_clock::time_point quiet_since_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace tributary::sqlite
