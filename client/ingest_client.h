#pragma once

#include <grpcpp/channel.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/retry.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {
inline namespace client {

struct IngestOptions {
  // What may wait for results: further events wait for room.
  size_t window_events = 4000;
  size_t window_bytes = 8 << 20;
  // Between attempts to connect, and for how long to make them without a result in between.
  BackoffPolicy backoff{};
  absl::Duration retry_for = absl::Minutes(5);
  // A server that owes results and says nothing for so long is taken for dead.
  absl::Duration silence_max = absl::Minutes(1);
  // Told of each failure that will be retried, and after how long.
  std::function<void(const absl::Status&, absl::Duration)> on_retry{};
};

// Events into a server (tributary.ingest.v1.IngestService), any number of them, in their order:
//
//   IngestClient client(channel, [](const Event& event, const EventResult& result) { … });
//   for (…) { status = client.Send(event); … }
//   status = client.Finish();
//
// A stream that breaks is opened again, and sends again what has no result yet. An event that was
// stored before its result was lost is then a DUPLICATE, as long as it says the same under the same
// idempotency key; so give no key, or one of its own to each.
//
// It starts no thread: events go out, and results come in, within Send and Finish. Cancel may be
// called from any thread, all else from one.
class IngestClient {
 public:
  // Called within Send and Finish, once for each event, in the order of the events.
  using OnResult =
      std::function<void(const ingest::v1::Event& event, const ingest::v1::EventResult& result)>;

  // An event that is larger is not sent.
  static constexpr size_t kEventBytesMax = 3 << 20;

  IngestClient(std::shared_ptr<grpc::Channel> channel, OnResult on_result,
               IngestOptions options = {});
  // Without Finish, what has no result may be stored or not.
  ~IngestClient();
  IngestClient(const IngestClient&) = delete;
  IngestClient& operator=(const IngestClient&) = delete;

  // Takes the event over; waits while the window is full. It is sent together with some others, or
  // when somebody waits: call Flush before a while without events. INVALID_ARGUMENT for one that is
  // too large, which is not taken: the next one is as welcome as ever. Any other failure is the
  // end: CANCELLED, what the server refuses, or what did not mend in `retry_for`.
  absl::Status Send(ingest::v1::Event event);

  // Waits for the results of all that was sent, as before a while without events.
  absl::Status Flush();

  // Waits for all results, and ends the stream. Nothing is sent afterwards.
  absl::Status Finish();

  // Ends Send and Finish soon, with CANCELLED.
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Call;
  struct Waiting {
    ingest::v1::Event event;
    size_t bytes = 0;
  };

  // Sends and takes results until `enough`, and whatever else needs no waiting.
  void Drive(const std::function<bool()>& enough);
  // Lets the call go on, waiting for that if asked to; false: there is nothing to do now.
  bool Step(Call& call, bool waits);
  std::shared_ptr<Call> current() ABSL_LOCKS_EXCLUDED(mutex_);
  void Open() ABSL_LOCKS_EXCLUDED(mutex_);
  void WriteNext(Call& call);
  void Take(const ingest::v1::IngestEventsResponse& response);
  // The call has ended: there will be another one, or no going on.
  void OnEnd(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsFull() const;

  const std::shared_ptr<grpc::Channel> channel_;
  const OnResult on_result_;
  const IngestOptions options_;
  const Pacing pacing_;
  Backoff backoff_;
  std::deque<Waiting> window_;  // events without a result, in order
  size_t window_bytes_ = 0;
  size_t sent_ = 0;         // of the window, in the current call
  bool finishing_ = false;  // there will be no further events
  bool done_ = false;       // and the server has ended the stream after the last result
  absl::Status status_;     // why there is no going on
  std::optional<absl::Time> failing_since_;
  absl::Notification cancelled_;
  absl::Mutex mutex_;
  std::shared_ptr<Call> call_ ABSL_GUARDED_BY(mutex_);  // set by the caller's thread only
};

}  // namespace client
}  // namespace tributary
