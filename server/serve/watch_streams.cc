#include "server/serve/watch_streams.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/serve/call.h"
#include "server/serve/grpc_status.h"
#include "server/serve/watch_reactor.h"

namespace tributary {
namespace {

// How late a heartbeat may be. A client gives a stream up after two intervals, of a second at
// least.
constexpr std::chrono::milliseconds kTick{200};

// Ends its stream as soon as it begins.
class RefusedStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStreams::Refuse(grpc::CallbackServerContext* call,
                                                                 MethodMetrics& method,
                                                                 const absl::Status& status) {
  method.CountCall(status.code());
  return new RefusedStream(ToGrpcStatus(status, *call));
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStreams::Open(grpc::CallbackServerContext* call,
                                                               WatchRequest request) {
  std::string request_id = ExchangeRequestId(*call);
  MethodMetrics& method = request.method;
  std::shared_ptr<WatchReactor> stream;
  {
    MutexLock lock(mutex_);
    if (!draining_ && static_cast<int>(open_.size()) < streams_max_) {
      stream =
          std::make_shared<WatchReactor>(*this, call, std::move(request), std::move(request_id));
      open_.insert(stream);
      if (!ticking_) StartTicking();
    }
  }
  if (stream == nullptr) {
    ErrorDetail detail;
    detail.reason = reason::kOverloaded;
    detail.retry_after_ms = 1000;
    return Refuse(call, method,
                  MakeError(absl::StatusCode::kResourceExhausted,
                            absl::StrCat("this server keeps at most ", streams_max_,
                                         " streams open, or is about to stop"),
                            std::move(detail)));
  }
  stream->Begin();
  return stream.get();
}

WatchStreams::~WatchStreams() {
  std::unique_ptr<grpc::Alarm> tick;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    tick = std::move(tick_);
  }
  if (tick != nullptr) tick->Cancel();
  MutexLock lock(mutex_);
  while (ticking_) changed_.Wait(mutex_);
}

void WatchStreams::StartTicking() {
  ticking_ = true;
  // A new alarm each time: one must not be set again while its own callback may still run.
  tick_ = std::make_unique<grpc::Alarm>();
  tick_->Set(std::chrono::system_clock::now() + kTick, [this](bool fired) { Tick(fired); });
}

void WatchStreams::Tick(bool fired) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<WatchReactor>> due;
  {
    MutexLock lock(mutex_);
    for (const auto& stream : open_) {
      if (fired && stream->IsBeatDue(now)) due.push_back(stream);
    }
    ticking_ = false;
    if (fired && !open_.empty()) StartTicking();
    changed_.NotifyAll();
  }
  for (const auto& stream : due) stream->Beat();
}

void WatchStreams::Drain() {
  std::vector<std::shared_ptr<WatchReactor>> open;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    open.assign(open_.begin(), open_.end());
  }
  for (const auto& stream : open) stream->Drain();
}

WatchStreams::Survey WatchStreams::TakeSurvey() {
  const Revision head = hub_.head().revision;
  Survey survey;
  MutexLock lock(mutex_);
  for (const auto& stream : open_) {
    const Revision reached = stream->reached();
    if (reached == WatchReactor::kAll) {
      ++survey.waiting;
    } else if (reached == WatchReactor::kNothing) {
      ++survey.snapshot;
    } else {
      ++survey.sending;
      survey.lag_max = std::max(survey.lag_max, head - reached);
    }
  }
  return survey;
}

void WatchStreams::CancelAll() {
  std::vector<std::shared_ptr<WatchReactor>> open;
  {
    MutexLock lock(mutex_);
    open.assign(open_.begin(), open_.end());
  }
  for (const auto& stream : open) stream->TryCancel();
}

void WatchStreams::Closed(const std::shared_ptr<WatchReactor>& stream) {
  {
    MutexLock lock(mutex_);
    open_.erase(stream);
  }
  changed_.NotifyAll();
}

bool WatchStreams::WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!open_.empty()) {
    if (!changed_.WaitUntil(mutex_, deadline)) return open_.empty();
  }
  return true;
}

}  // namespace tributary
