#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/cards/card_exchange.h"

namespace tributary::testing {

// A receiver that remembers what it was handed. Thread-safe.
class Hands final : public CardReceiver {
 public:
  void Hand(std::string token, std::shared_ptr<const OpenedView> view) override {
    MutexLock lock(mutex_);
    tokens_.push_back(std::move(token));
    resources_.push_back(view->resource);
    changed_.NotifyAll();
  }
  void Drain() override {
    MutexLock lock(mutex_);
    drained_ = true;
  }

  std::vector<std::string> tokens() const {
    MutexLock lock(mutex_);
    return tokens_;
  }
  std::vector<std::string> resources() const {
    MutexLock lock(mutex_);
    return resources_;
  }
  bool drained() const {
    MutexLock lock(mutex_);
    return drained_;
  }

  // The token of the view number `count`, once it is there; empty after 20 s.
  std::string WaitForToken(size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    MutexLock lock(mutex_);
    while (tokens_.size() < count) {
      if (!changed_.WaitUntil(mutex_, deadline)) return "";
    }
    return tokens_[count - 1];
  }

 private:
  mutable Mutex mutex_;
  Condition changed_;
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> resources_ ABSL_GUARDED_BY(mutex_);
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tributary::testing
