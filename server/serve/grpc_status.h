#pragma once

#include <string>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"

namespace tributary {

// The one place where a status of ours becomes one of gRPC: the message with its reason in
// brackets, google.rpc.ErrorInfo, BadRequest, ResourceInfo and RetryInfo in the details, and
// `tributary-reason` in the trailing metadata of `context`. The whole stays under 4 KiB, whatever
// the request held.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase& context);

}  // namespace tributary
