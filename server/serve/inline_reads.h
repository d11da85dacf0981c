#pragma once

#include <atomic>
#include <chrono>

namespace tributary {

// Decides which reads run on the thread that received their call. From a warm page cache a point
// read takes microseconds, less than handing it to another thread; from a slow disk it stops every
// connection of that thread. So only a few run at once, and when they have become slow all go to
// the executor for a while (docs/adr/0009-point-reads-in-place.md). Thread-safe.
class InlineReads {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr int kReadsMax = 2;

  // Slow is an average: on a busy machine a single read may be long because its thread was
  // preempted in it.
  static constexpr int kAveraged = 64;
  static constexpr std::chrono::microseconds kSlow{250};
  static constexpr std::chrono::milliseconds kPauseMin{500};
  // A pause is this many times as long as the read that led to it, which bounds the share of their
  // time that gRPC's threads lose to the disk.
  static constexpr int kPauseFactor = 20;

  // False: leave it to the executor. True: call Leave when the read is done.
  bool Enter(Clock::time_point now);
  void Leave(Clock::time_point begin, Clock::time_point end);

 private:
  std::atomic<int> running_{0};
  std::atomic<Clock::rep> average_{0};  // two that end at once may count as one
  std::atomic<Clock::rep> paused_until_{0};
};

// One read in place, if it is true, for as long as it lives.
class InlineRead {
 public:
  explicit InlineRead(InlineReads& reads) : reads_(reads), entered_(reads.Enter(begin_)) {}
  ~InlineRead() {
    if (entered_) reads_.Leave(begin_, InlineReads::Clock::now());
  }
  InlineRead(const InlineRead&) = delete;
  InlineRead& operator=(const InlineRead&) = delete;

  explicit operator bool() const { return entered_; }

 private:
  const InlineReads::Clock::time_point begin_ = InlineReads::Clock::now();
  InlineReads& reads_;
  const bool entered_;
};

}  // namespace tributary
