#include "client/rpc.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "client/error.h"

namespace tributary {
inline namespace client {
namespace {

using google::protobuf::Message;

// Any address will do: one operation is under way at a time.
void* const kTag = reinterpret_cast<void*>(1);

std::chrono::system_clock::time_point FromNow(absl::Duration duration) {
  return absl::ToChronoTime(absl::Now() + duration);
}

absl::Status CallOnce(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                      const Message& request, absl::Duration timeout, Message& response) {
  grpc::ClientContext context;
  context.set_deadline(FromNow(timeout));
  grpc::CompletionQueue queue;
  grpc::TemplatedGenericStub<Message, Message> stub(channel);
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  call->Finish(&response, &status, kTag);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return ToAbslStatus(status, context);
}

}  // namespace

absl::Status CallUnary(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                       const Message& request, const CallOptions& options, Message& response) {
  return CallWithRetries(options.timeout, options.attempts_max, options.backoff, Pacing(),
                         [&](absl::Duration left) {
                           response.Clear();
                           return CallOnce(channel, method, request, left, response);
                         });
}

ServerStream::ServerStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                           const Message& request, const Message& prototype,
                           absl::Duration silence_max)
    : prototype_(prototype), silence_max_(silence_max) {
  call_ = Stub(channel).PrepareCall(&context_, method, &queue_);
  request_.reset(request.New());
  request_->CopyFrom(request);
}

ServerStream::~ServerStream() {
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

bool ServerStream::Begin() {
  begun_ = true;
  const absl::Time deadline = absl::Now() + silence_max_;
  call_->StartCall(kTag);
  if (!Await(deadline)) return false;
  call_->WriteLast(*request_, grpc::WriteOptions(), kTag);
  return Await(deadline);
}

bool ServerStream::Read(MessagePtr* event) {
  if (!begun_ && !Begin()) return false;
  MessagePtr message(prototype_.New());
  call_->Read(message.get(), kTag);
  if (!Await(absl::Now() + silence_max_)) return false;
  *event = std::move(message);
  return true;
}

absl::Status ServerStream::Finish() {
  finished_ = true;
  if (!begun_) return absl::CancelledError("the stream was never read");
  grpc::Status status;
  call_->Finish(&status, kTag);
  Await(absl::InfiniteFuture());
  if (silent_) {
    return absl::UnavailableError(
        absl::StrCat("the server said nothing for ", absl::FormatDuration(silence_max_)));
  }
  return ToAbslStatus(status, context_);
}

bool ServerStream::Await(absl::Time deadline) {
  void* tag = nullptr;
  bool ok = false;
  if (deadline != absl::InfiniteFuture()) {
    const auto result = queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(deadline));
    if (result != grpc::CompletionQueue::TIMEOUT) return ok;
    silent_ = true;
    context_.TryCancel();
  }
  queue_.Next(&tag, &ok);
  return ok && !silent_;
}

}  // namespace client
}  // namespace tributary
