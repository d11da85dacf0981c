#include "server/serve/ingest_streams.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/serve/call.h"
#include "server/serve/grpc_status.h"
#include "server/serve/ingest_stream.h"

namespace tributary {
namespace {

// Ends its stream as soon as it begins.
class RefusedStream final : public IngestStreams::Reactor {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

absl::Status TooMany() {
  ErrorDetail detail;
  detail.reason = reason::kOverloaded;
  detail.retry_after_ms = 1000;
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("this server takes events from at most ", limits::kIngestStreamsMax,
                                " streams, or is about to stop"),
                   std::move(detail));
}

}  // namespace

IngestStreams::Reactor* IngestStreams::Open(grpc::CallbackServerContext* call,
                                            MethodMetrics& method) {
  std::string request_id = ExchangeRequestId(*call);
  std::shared_ptr<IngestStream> stream;
  {
    MutexLock lock(mutex_);
    if (!draining_ && open_.size() < limits::kIngestStreamsMax) {
      stream = std::make_shared<IngestStream>(*this, call, method, std::move(request_id));
      open_.insert(stream);
    }
  }
  if (stream == nullptr) {
    const absl::Status status = TooMany();
    method.CountCall(status.code());
    return new RefusedStream(ToGrpcStatus(status, *call));
  }
  stream->Begin();
  return stream.get();
}

size_t IngestStreams::open() const {
  MutexLock lock(mutex_);
  return open_.size();
}

std::vector<std::shared_ptr<IngestStream>> IngestStreams::All() const {
  MutexLock lock(mutex_);
  return {open_.begin(), open_.end()};
}

void IngestStreams::Drain() {
  {
    MutexLock lock(mutex_);
    draining_ = true;
  }
  for (const auto& stream : All()) stream->Drain();
}

void IngestStreams::CancelAll() {
  for (const auto& stream : All()) stream->TryCancel();
}

bool IngestStreams::AllQueued() const {
  return std::none_of(open_.begin(), open_.end(),
                      [](const auto& stream) { return stream->has_in_hand(); });
}

bool IngestStreams::WaitUntilQueued(Deadline deadline) {
  MutexLock lock(mutex_);
  while (!AllQueued()) {
    if (!changed_.WaitUntil(mutex_, deadline)) return AllQueued();
  }
  return true;
}

bool IngestStreams::WaitUntilEmpty(Deadline deadline) {
  MutexLock lock(mutex_);
  while (!open_.empty()) {
    if (!changed_.WaitUntil(mutex_, deadline)) return open_.empty();
  }
  return true;
}

void IngestStreams::Closed(const std::shared_ptr<IngestStream>& stream) {
  {
    MutexLock lock(mutex_);
    open_.erase(stream);
  }
  changed_.NotifyAll();
}

void IngestStreams::Queued() {
  // Under the lock, or who has just looked might sleep through it.
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

}  // namespace tributary
