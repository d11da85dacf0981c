#pragma once

#include <chrono>
#include <memory>
#include <unordered_set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/alarm.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/filter/filter.h"
#include "server/serve/request.h"
#include "server/serve/rpc_metrics.h"
#include "server/store/store.h"
#include "server/watch/change_hub.h"

namespace tributary {

class WatchReactor;

struct WatchRequest {
  MethodMetrics& method;
  Request request;
  Selection selection;
  std::shared_ptr<const Filter> filter = nullptr;  // null: all
  const FeedShape* feed = nullptr;                 // null: of one model
};

// The open Watch streams: bounded in number, ended together when the server drains. Thread-safe;
// what it is given must outlive every stream, which Drain and the server's shutdown see to.
class WatchStreams {
 public:
  WatchStreams(Store& store, ChangeHub& hub, Executor& executor, WatchMetrics& metrics,
               int streams_max)
      : store_(store),
        hub_(hub),
        executor_(executor),
        metrics_(metrics),
        streams_max_(streams_max) {}
  ~WatchStreams();

  // Begins a stream; past the bound it ends at once with RESOURCE_EXHAUSTED, OVERLOADED.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Open(grpc::CallbackServerContext* call,
                                                   WatchRequest request)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A stream that ends with `status` and nothing else.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Refuse(grpc::CallbackServerContext* call,
                                                     MethodMetrics& method,
                                                     const absl::Status& status);

  // The open streams, by what they do just now.
  struct Survey {
    int snapshot = 0;      // sending what exists
    int sending = 0;       // sending what changed
    int waiting = 0;       // were sent everything
    Revision lag_max = 0;  // head - position of the slowest that is sending
  };
  Survey TakeSurvey() ABSL_LOCKS_EXCLUDED(mutex_);

  // Every stream ends with UNAVAILABLE, SERVER_DRAINING, after the message it is writing; new ones
  // at once.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);

  // Cancels the streams that are still there: their clients take nothing.
  void CancelAll() ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits until no stream is left; false if `deadline` passed before.
  bool WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class WatchReactor;
  void Closed(const std::shared_ptr<WatchReactor>& stream) ABSL_LOCKS_EXCLUDED(mutex_);

  // One timer looks after the heartbeats of all streams: an alarm for each would cost more memory
  // than the rest of an idle stream of ours. It runs while there are streams.
  void StartTicking() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tick(bool fired) ABSL_LOCKS_EXCLUDED(mutex_);

  Store& store_;
  ChangeHub& hub_;
  Executor& executor_;
  WatchMetrics& metrics_;
  const int streams_max_;
  Mutex mutex_;
  Condition changed_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_set<std::shared_ptr<WatchReactor>> open_ ABSL_GUARDED_BY(mutex_);
  bool ticking_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<grpc::Alarm> tick_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
