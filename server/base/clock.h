#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace tributary {

// Where wall-clock time comes from: microseconds since 1970-01-01 UTC. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t NowMicros() const = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t NowMicros() const override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  }
};

// Shows what `clock`, which must outlive it, shows, but never goes back: not behind `from_us`, nor
// behind what it has shown before.
class ForwardClock final : public Clock {
 public:
  ForwardClock(const Clock& clock, int64_t from_us) : clock_(clock), last_us_(from_us) {}

  int64_t NowMicros() const override {
    const int64_t now_us = clock_.NowMicros();
    int64_t last_us = last_us_.load(std::memory_order_relaxed);
    while (last_us < now_us && !last_us_.compare_exchange_weak(last_us, now_us)) {
    }
    return std::max(last_us, now_us);
  }

 private:
  const Clock& clock_;
  mutable std::atomic<int64_t> last_us_;
};

}  // namespace tributary
