#include "server/base/executor.h"

#include <utility>

namespace tributary {

Executor::Executor(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Executor::~Executor() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  ready_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void Executor::Post(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    queue_.push_back(std::move(work));
  }
  ready_.NotifyOne();
}

void Executor::PostAll(std::vector<std::function<void()>> all) {
  if (all.empty()) return;
  {
    MutexLock lock(mutex_);
    for (std::function<void()>& work : all) queue_.push_back(std::move(work));
  }
  for (size_t i = 0; i < all.size(); ++i) ready_.NotifyOne();
}

void Executor::Run() {
  for (;;) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) ready_.Wait(mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace tributary
