#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/executor.h"
#include "server/serve/rpc_metrics.h"

namespace tributary {

// Takes `x-request-id` from the call, or makes one, and sends it back in the initial metadata.
std::string ExchangeRequestId(grpc::CallbackServerContext& context);

// One line for a call that ended: at level warning if the fault is ours, else at level debug.
void LogCall(std::string_view method, std::string_view request_id, const absl::Status& status);

// What a unary method does: the bytes of the answer, or why there is none.
using UnaryWork = std::function<absl::StatusOr<std::string>(const grpc::ByteBuffer& request)>;

// A unary call as gRPC hands it over. `method` must live on.
struct UnaryCall {
  MethodMetrics& method;
  grpc::CallbackServerContext* context;
  const grpc::ByteBuffer* request;
  grpc::ByteBuffer* response;
  Stopwatch stopwatch = Stopwatch();  // since the request came
};

// Answers the call with what `work` returns, or with its status mapped, on this thread.
grpc::ServerUnaryReactor* AnswerHere(const UnaryCall& call, const UnaryWork& work);

// The same on `executor`, as reading may block; a call that was cancelled before its turn is not
// worked on. `work` must live on.
grpc::ServerUnaryReactor* AnswerOn(Executor& executor, const UnaryCall& call,
                                   const UnaryWork& work);

// The same for work that ends later than it returns: it calls `reply` once, on any thread. Until
// then the call is there.
using Reply = std::function<void(absl::StatusOr<std::string>)>;
using LaterWork = std::function<void(const UnaryCall& call, Reply reply)>;
grpc::ServerUnaryReactor* AnswerLater(Executor& executor, const UnaryCall& call,
                                      const LaterWork& work);

}  // namespace tributary
