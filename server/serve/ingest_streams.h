#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/serve/ingest_event.h"
#include "server/serve/intake.h"
#include "server/serve/rpc_metrics.h"

namespace tributary {

class IngestStream;

// The open streams of IngestEvents: bounded in number, ended together when the server drains.
// Thread-safe; what it is given must outlive every stream, which Drain and the server's shutdown
// see to.
class IngestStreams {
 public:
  using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;
  using Deadline = std::chrono::steady_clock::time_point;

  IngestStreams(const IngestEventReader& reader, Offer offer, Executor& executor)
      : reader_(reader), offer_(std::move(offer)), executor_(executor) {}

  // Begins a stream; past the bound it ends at once with RESOURCE_EXHAUSTED, OVERLOADED.
  Reactor* Open(grpc::CallbackServerContext* call, MethodMetrics& method)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The streams that are open.
  size_t open() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Every stream reads no further, answers what it has read, and ends with UNAVAILABLE,
  // SERVER_DRAINING; new ones at once.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until all that was read is queued for the writer; false if `deadline` passed before.
  bool WaitUntilQueued(Deadline deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until no stream is left; false if `deadline` passed before.
  bool WaitUntilEmpty(Deadline deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  // Cancels the streams that are still there: their clients take nothing.
  void CancelAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class IngestStream;
  bool AllQueued() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<std::shared_ptr<IngestStream>> All() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Closed(const std::shared_ptr<IngestStream>& stream) ABSL_LOCKS_EXCLUDED(mutex_);
  // A stream has nothing in hand any more that is not queued.
  void Queued() ABSL_LOCKS_EXCLUDED(mutex_);

  const IngestEventReader& reader_;
  const Offer offer_;
  Executor& executor_;
  mutable Mutex mutex_;
  Condition changed_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_set<std::shared_ptr<IngestStream>> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
