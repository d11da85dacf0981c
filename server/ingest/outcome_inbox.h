#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/store/types.h"

namespace tributary {

// Where the writer's thread leaves what became of deliveries, for the thread that answers them. A
// whole batch wakes that thread once. The committer's answers share it: one that comes after the
// server is gone finds it closed and goes nowhere. Thread-safe.
class OutcomeInbox {
 public:
  struct Item {
    uint64_t session;
    absl::StatusOr<Outcome> outcome;
  };

  // `wake` is called for the first outcome in an empty inbox; whoever is woken has to Take(). It
  // must neither block nor come back here.
  explicit OutcomeInbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Put(uint64_t session, const absl::StatusOr<Outcome>& outcome) ABSL_LOCKS_EXCLUDED(mutex_);

  // Exchanges what lies here for the empty `items`.
  void Take(std::vector<Item>& items) ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on nothing is kept. `wake` is not called after this has returned.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::function<void()> wake_;
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
