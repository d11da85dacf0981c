#include "client/retry.h"

#include <algorithm>
#include <memory>

#include "absl/random/random.h"
#include "client/error.h"

namespace tributary {
inline namespace client {

Pacing::Pacing()
    : now([] { return absl::Now(); }),
      sleep([](absl::Duration duration, const absl::Notification& cancelled) {
        cancelled.WaitForNotificationWithTimeout(duration);
      }),
      jitter([random = std::make_shared<absl::BitGen>()] {
        return absl::Uniform<double>(*random, 0.0, 1.0);
      }) {}

absl::Duration Backoff::Next(std::optional<absl::Duration> asked) {
  const absl::Duration wait = step_ * (0.5 + 0.5 * jitter_());
  step_ = std::min(step_ * policy_.multiplier, policy_.max);
  return asked.has_value() ? std::max(wait, *asked) : wait;
}

absl::Status CallWithRetries(absl::Duration timeout, int attempts_max, const BackoffPolicy& policy,
                             const Pacing& pacing,
                             const std::function<absl::Status(absl::Duration left)>& attempt) {
  const absl::Time deadline = pacing.now() + timeout;
  Backoff backoff(policy, pacing.jitter);
  const absl::Notification never;
  for (int attempts = 1;; ++attempts) {
    absl::Status status = attempt(deadline - pacing.now());
    // A deadline that has passed was ours: there is no time for another attempt.
    if (!IsTransient(status) || status.code() == absl::StatusCode::kDeadlineExceeded ||
        attempts >= attempts_max) {
      return status;
    }
    const absl::Duration wait = backoff.Next(RetryDelayOf(status));
    if (pacing.now() + wait >= deadline) return status;
    pacing.sleep(wait, never);
  }
}

}  // namespace client
}  // namespace tributary
