#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/writer.h"

namespace tributary::sqlite {

// Has the writer do late work and settle states (sweep.h) while nobody commits: a slice at a time,
// on a thread of its own, and none during a commit or within kQuiet of one. Between commits that
// come one after the other it takes a small share of the time, so that few of them meet a slice.
// `writer` and what `after_slice` uses must outlive it.
class Settler {
 public:
  static constexpr std::chrono::milliseconds kQuiet{5};
  // Commits this far apart come one after the other, and then a slice is followed by a pause of
  // kPause times its length.
  static constexpr std::chrono::milliseconds kLull{250};
  static constexpr int kPause = 200;
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
  using Time = std::chrono::steady_clock::time_point;

  // When the next slice may be written, if nothing comes meanwhile.
  Time NextAt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Writer& writer_;
  const std::function<void()> after_slice_;
  Mutex mutex_;
  Condition wake_;
  bool due_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int commits_ ABSL_GUARDED_BY(mutex_) = 0;  // in progress
  Time quiet_since_ ABSL_GUARDED_BY(mutex_);
  Time pause_ends_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace tributary::sqlite
