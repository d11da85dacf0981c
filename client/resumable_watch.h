#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/error.h"
#include "client/event_stream.h"
#include "client/retry.h"

namespace tributary {
inline namespace client {

// When a watch gives up. Only failures in a row count: what limits *starting* a stream must not
// limit its life.
struct WatchPatience {
  BackoffPolicy backoff{};
  // How long to keep trying before anything was ever received, and without progress after that.
  absl::Duration connect_within = absl::InfiniteDuration();
  absl::Duration retry_for = absl::InfiniteDuration();
  // A stream that lived this long was progress, even if it brought nothing new.
  absl::Duration stable_after = absl::Seconds(30);
  // A stream that ends with OK has said all there is; else the watch goes on with a new one.
  bool ok_is_the_end = false;
};

// One sequence of events out of streams that break: opens a stream, hands on its events, and when
// it ends for a reason that time can mend, opens the next one at the position of the last event
// that was handed on. So what Next returns is what one unbroken stream would have brought.
//
// It knows neither gRPC nor protobuf: a Request opens a stream, and an Event moves the request's
// position. Cancel may be called from any thread, all else from one.
template <typename Request, typename Event>
class ResumableWatch {
 public:
  using Stream = EventStream<Event>;
  // Starts a stream for the request. Never null; a failure shows in its Finish.
  using Open = std::function<std::shared_ptr<Stream>(const Request& request)>;
  // Makes the request continue after the event. True if that position is another than before.
  using Advance = std::function<bool(const Event& event, Request& request)>;
  // Told of each failure that will be retried, and after how long.
  using OnRetry = std::function<void(const absl::Status& status, absl::Duration wait)>;

  ResumableWatch(Request request, Open open, Advance advance, WatchPatience patience,
                 OnRetry on_retry = nullptr, Pacing pacing = {})
      : request_(std::move(request)),
        open_(std::move(open)),
        advance_(std::move(advance)),
        patience_(patience),
        on_retry_(std::move(on_retry)),
        pacing_(std::move(pacing)),
        backoff_(patience.backoff, pacing_.jitter) {}

  ResumableWatch(const ResumableWatch&) = delete;
  ResumableWatch& operator=(const ResumableWatch&) = delete;

  // Waits for the next event. Nothing: the watch has ended, and status() says why.
  std::optional<Event> Next() {
    while (!ended_) {
      const std::shared_ptr<Stream> stream = CurrentStream();
      if (Event event; stream->Read(&event)) {
        OnEvent(event);
        return event;
      }
      const absl::Status status = stream->Finish();
      DropStream();
      OnEnd(status);
    }
    return std::nullopt;
  }

  // OK at the agreed end, CANCELLED after Cancel, else what could not be mended.
  const absl::Status& status() const { return status_; }

  // Where a watch that continues this one would begin.
  const Request& request() const { return request_; }

  // Ends the watch: Next returns soon, with nothing.
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::shared_ptr<Stream> stream;
    {
      absl::MutexLock lock(&mutex_);
      if (!cancelled_.HasBeenNotified()) cancelled_.Notify();
      stream = stream_;
    }
    if (stream != nullptr) stream->Cancel();
  }

 private:
  std::shared_ptr<Stream> CurrentStream() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      if (stream_ != nullptr) return stream_;
    }
    // Only this thread sets the stream, so that it is still not there.
    std::shared_ptr<Stream> stream = open_(request_);
    opened_at_ = pacing_.now();
    {
      absl::MutexLock lock(&mutex_);
      stream_ = stream;
    }
    // A Cancel that came while the stream was being opened did not see it.
    if (cancelled_.HasBeenNotified()) stream->Cancel();
    return stream;
  }

  void DropStream() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    stream_.reset();
  }

  void OnEvent(const Event& event) {
    received_ = true;
    const bool moved = advance_(event, request_);
    if (moved || pacing_.now() - opened_at_ >= patience_.stable_after) {
      failing_since_.reset();
      backoff_.Reset();
    }
  }

  void OnEnd(absl::Status status) {
    if (cancelled_.HasBeenNotified()) return End(absl::CancelledError("the watch was cancelled"));
    if (status.ok()) {
      if (patience_.ok_is_the_end) return End(status);
      status = absl::UnavailableError("the server ended the stream");
    }
    if (!IsTransient(status)) return End(status);
    if (!failing_since_.has_value()) failing_since_ = pacing_.now();
    const absl::Duration wait = backoff_.Next(RetryDelayOf(status));
    const absl::Duration limit = received_ ? patience_.retry_for : patience_.connect_within;
    if (pacing_.now() + wait - *failing_since_ > limit) return End(status);
    if (on_retry_ != nullptr) on_retry_(status, wait);
    pacing_.sleep(wait, cancelled_);
    if (cancelled_.HasBeenNotified()) End(absl::CancelledError("the watch was cancelled"));
  }

  void End(absl::Status status) {
    status_ = std::move(status);
    ended_ = true;
  }

  Request request_;
  const Open open_;
  const Advance advance_;
  const WatchPatience patience_;
  const OnRetry on_retry_;
  const Pacing pacing_;
  Backoff backoff_;
  bool received_ = false;
  bool ended_ = false;
  absl::Time opened_at_;
  std::optional<absl::Time> failing_since_;
  absl::Status status_;
  absl::Notification cancelled_;
  absl::Mutex mutex_;
  std::shared_ptr<Stream> stream_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace client
}  // namespace tributary
