#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// Revisions that somebody will want to read again soon: the pages of a List show that of the first.
// Thread-safe.
class Holds {
 public:
  static constexpr int64_t kHoldUs = 60'000'000;
  static constexpr size_t kHoldsMax = 1000;  // more: the oldest are let go

  void Add(Revision revision, int64_t now_us) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    const auto same = [&](const Hold& hold) { return hold.revision == revision; };
    std::erase_if(holds_, same);
    holds_.push_back({revision, now_us + kHoldUs});
    if (holds_.size() > kHoldsMax) holds_.pop_front();
  }

  // The least of them.
  std::optional<Revision> Oldest(int64_t now_us) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    while (!holds_.empty() && holds_.front().until_us <= now_us) holds_.pop_front();
    std::optional<Revision> oldest;
    for (const Hold& hold : holds_) {
      oldest = std::min(oldest.value_or(hold.revision), hold.revision);
    }
    return oldest;
  }

 private:
  struct Hold {
    Revision revision;
    int64_t until_us;
  };

  Mutex mutex_;
  std::deque<Hold> holds_ ABSL_GUARDED_BY(mutex_);  // the newest last
};

}  // namespace tributary::sqlite
