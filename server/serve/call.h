#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/executor.h"

namespace tributary {

// Takes `x-request-id` from the call, or makes one, and sends it back in the initial metadata.
void ExchangeRequestId(grpc::CallbackServerContext& context);

// Answers a unary call with what `work` returns, or with its status mapped. `work` runs on `executor`, as
// reading blocks; a call that was cancelled before its turn is not worked on.
grpc::ServerUnaryReactor* AnswerUnary(
    Executor& executor, grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response,
    std::function<absl::StatusOr<std::string>(const grpc::ByteBuffer& request)> work);

}  // namespace tributary
