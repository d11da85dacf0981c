#include "server/serve/inline_reads.h"

#include <algorithm>

namespace tributary {

bool InlineReads::Enter(Clock::time_point now) {
  if (now.time_since_epoch().count() < paused_until_.load(std::memory_order_relaxed)) {
    return false;
  }
  if (running_.fetch_add(1, std::memory_order_relaxed) >= kReadsMax) {
    running_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void InlineReads::Leave(Clock::time_point begin, Clock::time_point end) {
  running_.fetch_sub(1, std::memory_order_relaxed);
  const Clock::duration took = end - begin;
  const Clock::rep before = average_.load(std::memory_order_relaxed);
  const Clock::rep average = before + (took.count() - before) / kAveraged;
  if (Clock::duration(average) < kSlow) {
    average_.store(average, std::memory_order_relaxed);
    return;
  }
  const Clock::duration pause = std::max<Clock::duration>(kPauseMin, kPauseFactor * took);
  paused_until_.store((end + pause).time_since_epoch().count(), std::memory_order_relaxed);
  average_.store(0, std::memory_order_relaxed);
}

}  // namespace tributary
