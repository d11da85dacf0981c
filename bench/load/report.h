#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC: comparable between processes

inline int64_t MicrosNow() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch())
      .count();
}

// One line of JSON on standard output, which is how every program here tells what it measured.
using Figures = std::vector<std::pair<std::string_view, double>>;
void Print(const Figures& figures);

// A line that the harness waits for before it goes on.
void PrintReady();

// Durations of one kind. Not thread-safe: one per thread or per caller, merged at the end.
class Latencies {
 public:
  void Add(Clock::duration took);
  void AddMicros(int64_t micros) { micros_.push_back(static_cast<uint32_t>(micros)); }
  void Merge(const Latencies& other);
  size_t count() const { return micros_.size(); }

  // p50_ms, p99_ms, p999_ms and max_ms; nothing if there is nothing.
  void AppendTo(Figures& figures);

 private:
  std::vector<uint32_t> micros_;
};

// CPU seconds that this process took so far. Beside the figures it tells whether the generator was
// the limit.
double CpuSeconds();

}  // namespace bench
