#pragma once

#include <atomic>
#include <cstdint>

#include "server/base/clock.h"

namespace tributary::testing {

// A clock that stands still until it is told otherwise. Thread-safe.
class FakeClock final : public Clock {
 public:
  static constexpr int64_t kStart = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z

  explicit FakeClock(int64_t now_us = kStart) : now_us_(now_us) {}

  int64_t NowMicros() const override { return now_us_.load(); }
  void Set(int64_t now_us) { now_us_.store(now_us); }
  void Advance(int64_t micros) { now_us_.fetch_add(micros); }

 private:
  std::atomic<int64_t> now_us_;
};

}  // namespace tributary::testing
