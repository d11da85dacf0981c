#include "server/store/sqlite/settler.h"

#include <algorithm>
#include <utility>

namespace tributary::sqlite {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Settler::Settler(Writer& writer, std::function<void()> after_slice)
    : writer_(writer), after_slice_(std::move(after_slice)), quiet_since_(Clock::now()) {
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
    quiet_since_ = Clock::now();
    wake = !std::exchange(due_, true);
  }
  // One that waits for quiet looks at the time by itself.
  if (wake) wake_.NotifyOne();
}

Settler::Time Settler::NextAt() const {
  const Time quiet_since = commits_ > 0 ? Clock::now() : quiet_since_;
  return std::max(quiet_since + kQuiet, std::min(pause_ends_, quiet_since + kLull));
}

void Settler::Run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      const auto look_again = Clock::now() + kLookAgain;
      while (!due_ && !stopping_ && Clock::now() < look_again) {
        wake_.WaitUntil(mutex_, look_again);
      }
      while (!stopping_ && Clock::now() < NextAt()) wake_.WaitUntil(mutex_, NextAt());
      if (stopping_) return;
      due_ = false;
    }
    const Time begun = Clock::now();
    if (!writer_.Settle()) continue;
    const Time ended = Clock::now();
    after_slice_();
    MutexLock lock(mutex_);
    due_ = true;
    pause_ends_ = ended + kPause * (ended - begun);
  }
}

}  // namespace tributary::sqlite
