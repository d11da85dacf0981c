#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

// The cells that components measure themselves with. A component owns its cells; what they are
// called outside stands in server/metrics_page.cc alone. All of them are thread-safe, and cheap
// enough to leave on: relaxed additions, no lock.
namespace tributary {

// A number that only grows.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// A number that goes up and down.
class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// How observed values are distributed. Values are integers (nanoseconds, counts), so that an
// observation is two additions. What is read while others observe may lack an observation that is
// half done; nothing is ever lost.
class Histogram {
 public:
  // The upper bounds of the buckets, each inclusive, ascending; one more bucket has no bound.
  struct Scale {
    std::span<const uint64_t> bounds;
    double unit;  // of what is shown, in what is observed: 1e9 where nanoseconds become seconds
  };
  static const Scale kSeconds;  // 50 µs to 10 s; observe durations
  static const Scale kSizes;    // 1 to 1024, by powers of two

  explicit Histogram(const Scale& scale) : scale_(scale) {}

  void Observe(uint64_t value);
  void Observe(std::chrono::nanoseconds duration);

  const Scale& scale() const { return scale_; }
  uint64_t InBucket(size_t bucket) const { return buckets_[bucket].value(); }
  uint64_t sum() const { return sum_.value(); }

 private:
  static constexpr size_t kBucketsMax = 18;

  const Scale& scale_;
  std::array<Counter, kBucketsMax> buckets_;
  Counter sum_;
};

// Time since it was made.
class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace tributary
