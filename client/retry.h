#pragma once

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace tributary {
inline namespace client {

// How long to wait between attempts.
struct BackoffPolicy {
  absl::Duration initial = absl::Milliseconds(100);
  absl::Duration max = absl::Seconds(10);
  double multiplier = 2;
};

// Where time and chance come from, so that a test can be without either.
struct Pacing {
  Pacing();

  std::function<absl::Time()> now;
  // Sleeps for the duration, or until `cancelled`.
  std::function<void(absl::Duration, const absl::Notification& cancelled)> sleep;
  // A number of [0, 1).
  std::function<double()> jitter;
};

// Exponential waits, each somewhere between half and all of its step, so that a thousand clients of
// a server that went away do not come back in one instant. Not thread-safe.
class Backoff {
 public:
  Backoff(const BackoffPolicy& policy, std::function<double()> jitter)
      : policy_(policy), jitter_(std::move(jitter)), step_(policy.initial) {}

  // The next wait: at least what the server asked for.
  absl::Duration Next(std::optional<absl::Duration> asked);
  void Reset() { step_ = policy_.initial; }

 private:
  const BackoffPolicy policy_;
  const std::function<double()> jitter_;
  absl::Duration step_;
};

// Calls `attempt` with the time that is left, again after a transient failure, `attempts_max` times
// at most and as long as time is left. Returns the last outcome.
absl::Status CallWithRetries(absl::Duration timeout, int attempts_max, const BackoffPolicy& policy,
                             const Pacing& pacing,
                             const std::function<absl::Status(absl::Duration left)>& attempt);

}  // namespace client
}  // namespace tributary
