#include "client/ingest_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // how gRPC reads and writes protobuf messages

#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/error.h"

namespace tributary {
inline namespace client {
namespace {

using ingest::v1::Event;
using ingest::v1::EventResult;
using ingest::v1::IngestEventsRequest;
using ingest::v1::IngestEventsResponse;

constexpr char kPath[] = "/tributary.ingest.v1.IngestService/IngestEvents";

// Of one message.
constexpr int kMessageEventsMax = 500;
constexpr size_t kMessageBytesMax = 1 << 20;
// Events gather to so many before a message of them is sent, unless somebody waits.
constexpr size_t kGathered = 100;

}  // namespace

// One call of the method. A read is always under way, a write at times. Cancel may be called from
// any thread, all else from one.
class IngestClient::Call {
 public:
  enum class Operation : intptr_t { kStart = 1, kRead, kWrite, kHalfClose, kFinish };
  struct Ended {
    Operation operation;
    bool ok;
  };

  explicit Call(const std::shared_ptr<grpc::Channel>& channel) {
    call_ = Stub(channel).PrepareCall(&context_, kPath, &queue_);
    call_->StartCall(Begin(Operation::kStart));
  }
  ~Call() {
    if (!finished_) {
      context_.TryCancel();
      (void)Finish();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  // The next operation that has ended; none until `deadline`.
  std::optional<Ended> Next(absl::Time deadline) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(deadline)) !=
        grpc::CompletionQueue::GOT_EVENT) {
      return std::nullopt;
    }
    --under_way_;
    const auto operation = static_cast<Operation>(reinterpret_cast<intptr_t>(tag));
    if (operation == Operation::kStart && ok) started_ = true;
    if (operation == Operation::kWrite) writing_ = false;
    if (!ok) broken_ = true;
    return Ended{operation, ok};
  }

  void Read() { call_->Read(&response_, Begin(Operation::kRead)); }
  const IngestEventsResponse& response() const { return response_; }

  bool CanWrite() const { return started_ && !writing_ && !half_closed_ && !broken_; }
  void Write(const IngestEventsRequest& request) {
    writing_ = true;
    call_->Write(request, Begin(Operation::kWrite));
  }
  void HalfClose() {
    half_closed_ = true;
    call_->WritesDone(Begin(Operation::kHalfClose));
  }

  // Why it ended. Once, after an operation has failed.
  absl::Status Finish() {
    finished_ = true;
    grpc::Status status;
    call_->Finish(&status, Begin(Operation::kFinish));
    while (under_way_ > 0) (void)Next(absl::InfiniteFuture());
    return ToAbslStatus(status, context_);
  }

  void Cancel() { context_.TryCancel(); }

 private:
  using Stub = grpc::TemplatedGenericStub<IngestEventsRequest, IngestEventsResponse>;

  void* Begin(Operation operation) {
    ++under_way_;
    return reinterpret_cast<void*>(static_cast<intptr_t>(operation));
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<IngestEventsRequest, IngestEventsResponse>> call_;
  IngestEventsResponse response_;
  int under_way_ = 0;
  bool started_ = false;
  bool writing_ = false;
  bool half_closed_ = false;
  bool broken_ = false;
  bool finished_ = false;
};

IngestClient::IngestClient(std::shared_ptr<grpc::Channel> channel, OnResult on_result,
                           IngestOptions options)
    : channel_(std::move(channel)),
      on_result_(std::move(on_result)),
      options_(std::move(options)),
      backoff_(options_.backoff, pacing_.jitter) {}

IngestClient::~IngestClient() = default;

bool IngestClient::IsFull() const {
  return window_.size() >= options_.window_events || window_bytes_ >= options_.window_bytes;
}

absl::Status IngestClient::Send(Event event) {
  if (!status_.ok()) return status_;
  if (finishing_) return absl::FailedPreconditionError("the events were finished before");
  const size_t bytes = event.ByteSizeLong();
  if (bytes > kEventBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("an event of ", bytes, " bytes, at most ", kEventBytesMax, " can be sent"));
  }
  window_.push_back({std::move(event), bytes});
  window_bytes_ += bytes;
  Drive([this] { return !IsFull(); });
  return status_;
}

absl::Status IngestClient::Flush() {
  Drive([this] { return window_.empty(); });
  return status_;
}

absl::Status IngestClient::Finish() {
  finishing_ = true;
  Drive([] { return false; });
  return status_;
}

void IngestClient::Cancel() {
  absl::MutexLock lock(&mutex_);
  if (!cancelled_.HasBeenNotified()) cancelled_.Notify();
  if (call_ != nullptr) call_->Cancel();
}

void IngestClient::Open() {
  auto call = std::make_shared<Call>(channel_);
  absl::MutexLock lock(&mutex_);
  call_ = std::move(call);
  // A Cancel that came while it was made did not see it.
  if (cancelled_.HasBeenNotified()) call_->Cancel();
}

std::shared_ptr<IngestClient::Call> IngestClient::current() {
  absl::MutexLock lock(&mutex_);
  return call_;
}

void IngestClient::Drive(const std::function<bool()>& enough) {
  while (status_.ok() && !done_) {
    const std::shared_ptr<Call> call = current();
    if (call != nullptr) {
      const bool waits = !enough();
      if (waits || window_.size() - sent_ >= kGathered) WriteNext(*call);
      if (!Step(*call, waits)) return;
    } else if (finishing_ && window_.empty()) {
      done_ = true;
    } else {
      Open();
    }
  }
}

bool IngestClient::Step(Call& call, bool waits) {
  const absl::Time deadline = waits ? absl::Now() + options_.silence_max : absl::UnixEpoch();
  const std::optional<Call::Ended> ended = call.Next(deadline);
  if (!ended.has_value()) {
    if (!waits) return false;
    call.Cancel();
    (void)call.Finish();
    OnEnd(absl::UnavailableError(
        absl::StrCat("the server said nothing for ", absl::FormatDuration(options_.silence_max))));
    return true;
  }
  const bool read = ended->operation == Call::Operation::kRead;
  // A write that fails is followed by the read that fails, and tells why.
  if (!read && ended->operation != Call::Operation::kStart) return true;
  if (!ended->ok) {
    OnEnd(call.Finish());
    return true;
  }
  if (read) Take(call.response());
  if (status_.ok()) call.Read();
  return true;
}

void IngestClient::WriteNext(Call& call) {
  if (!call.CanWrite()) return;
  if (sent_ == window_.size()) {
    if (finishing_) call.HalfClose();
    return;
  }
  IngestEventsRequest request;
  for (size_t bytes = 0; sent_ < window_.size() && request.events_size() < kMessageEventsMax;
       ++sent_) {
    bytes += window_[sent_].bytes;
    if (request.events_size() > 0 && bytes > kMessageBytesMax) break;
    *request.add_events() = window_[sent_].event;
  }
  call.Write(request);
}

void IngestClient::Take(const IngestEventsResponse& response) {
  for (const EventResult& result : response.results()) {
    if (sent_ == 0) {
      status_ = absl::InternalError("the server answered an event that it was not sent");
      return;
    }
    const Waiting answered = std::move(window_.front());
    window_.pop_front();
    window_bytes_ -= answered.bytes;
    --sent_;
    on_result_(answered.event, result);
  }
  failing_since_.reset();
  backoff_.Reset();
}

void IngestClient::OnEnd(absl::Status status) {
  {
    absl::MutexLock lock(&mutex_);
    call_.reset();
  }
  sent_ = 0;
  if (cancelled_.HasBeenNotified()) status = absl::CancelledError("the events were cancelled");
  if (finishing_ && window_.empty()) {
    done_ = true;  // whatever it ended with: every event has its result
    return;
  }
  if (status.ok()) status = absl::UnavailableError("the server ended the stream");
  if (cancelled_.HasBeenNotified() || !IsTransient(status)) {
    status_ = std::move(status);
    return;
  }
  if (!failing_since_.has_value()) failing_since_ = pacing_.now();
  const absl::Duration wait = backoff_.Next(RetryDelayOf(status));
  if (pacing_.now() + wait - *failing_since_ > options_.retry_for) {
    status_ = std::move(status);
    return;
  }
  if (options_.on_retry != nullptr) options_.on_retry(status, wait);
  pacing_.sleep(wait, cancelled_);
  if (cancelled_.HasBeenNotified()) status_ = absl::CancelledError("the events were cancelled");
}

}  // namespace client
}  // namespace tributary
