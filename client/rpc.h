#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // how gRPC reads and writes protobuf messages

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/event_stream.h"
#include "client/retry.h"
#include "google/protobuf/message.h"

namespace tributary {
inline namespace client {

// How a unary call is made. All unary methods are reads, so that repeating one is safe.
struct CallOptions {
  absl::Duration timeout = absl::Seconds(10);  // over all attempts
  int attempts_max = 4;
  BackoffPolicy backoff{};
};

// Calls a unary method, given as "/package.Service/Method", again after transient failures.
absl::Status CallUnary(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                       const google::protobuf::Message& request, const CallOptions& options,
                       google::protobuf::Message& response);

// One call of a server-streaming method. A stream that says nothing for `silence_max` is taken for
// dead and ends with UNAVAILABLE. It starts no thread: what waits is the caller of Read. Cancel may
// come from any thread, all else from one.
class ServerStream final : public EventStream<std::unique_ptr<google::protobuf::Message>> {
 public:
  using MessagePtr = std::unique_ptr<google::protobuf::Message>;

  // `prototype` makes the messages that are read; it outlives the stream.
  ServerStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
               const google::protobuf::Message& request, const google::protobuf::Message& prototype,
               absl::Duration silence_max);
  ~ServerStream() override;

  bool Read(MessagePtr* event) override;
  absl::Status Finish() override;
  void Cancel() override { context_.TryCancel(); }

 private:
  using Stub = grpc::TemplatedGenericStub<google::protobuf::Message, google::protobuf::Message>;
  using Call = grpc::ClientAsyncReaderWriter<google::protobuf::Message, google::protobuf::Message>;

  // Sends the request. Not done when the stream is made, so that Cancel can end the wait for a
  // connection.
  bool Begin();

  // Waits for the one operation under way; false if it failed. Past `deadline` it cancels the call,
  // which makes the operation fail.
  bool Await(absl::Time deadline);

  const google::protobuf::Message& prototype_;
  const absl::Duration silence_max_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Call> call_;
  MessagePtr request_;
  bool begun_ = false;
  bool silent_ = false;
  bool finished_ = false;
};

}  // namespace client
}  // namespace tributary
