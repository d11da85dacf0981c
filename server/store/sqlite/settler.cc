#include "server/store/sqlite/settler.h"

#include <utility>

namespace tributary::sqlite {

Settler::Settler(Writer& writer, std::function<void()> after_slice)
    : writer_(writer),
      after_slice_(std::move(after_slice)),
      quiet_since_(std::chrono::steady_clock::now()) {
  thread_ = std::thread([this] { Run(); });
}

Settler::~Settler() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

void Settler::CommitBegins() {
  MutexLock lock(mutex_);
  ++commits_;
}

void Settler::CommitEnded() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    --commits_;
    quiet_since_ = std::chrono::steady_clock::now();
    wake = !std::exchange(due_, true);
  }
  // One that waits for quiet looks at the time by itself.
  if (wake) wake_.NotifyOne();
}

std::chrono::steady_clock::time_point Settler::QuietAt() const {
  return (commits_ > 0 ? std::chrono::steady_clock::now() : quiet_since_) + kQuiet;
}

void Settler::Run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      const auto look_again = std::chrono::steady_clock::now() + kLookAgain;
      while (!due_ && !stopping_ && std::chrono::steady_clock::now() < look_again) {
        wake_.WaitUntil(mutex_, look_again);
      }
      while (!stopping_ && std::chrono::steady_clock::now() < QuietAt()) {
        wake_.WaitUntil(mutex_, QuietAt());
      }
      if (stopping_) return;
      due_ = false;
    }
    if (!writer_.Settle()) continue;
    after_slice_();
    MutexLock lock(mutex_);
    due_ = true;
  }
}

}  // namespace tributary::sqlite
