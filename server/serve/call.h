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

// Answers a unary call with what `work` returns, or with its status mapped. `work` runs on
// `executor`, as reading blocks; a call that was cancelled before its turn is not worked on.
grpc::ServerUnaryReactor* AnswerUnary(
    Executor& executor, MethodMetrics& method, grpc::CallbackServerContext* context,
    const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
    std::function<absl::StatusOr<std::string>(const grpc::ByteBuffer& request)> work);

}  // namespace tributary
