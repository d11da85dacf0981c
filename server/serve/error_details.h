#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/base/error.h"

namespace tributary {

// The encoded google.rpc.Status that travels as `grpc-status-details-bin`: code, message, and as
// details google.rpc.ErrorInfo and, where `detail` has them, BadRequest, ResourceInfo and
// RetryInfo.
//
// Written field by field because nothing in Debian 12 brings these messages: its only
// error_details.proto is older than ErrorInfo. The Go client of tests/interop reads the result with
// the real classes.
std::string EncodeErrorDetails(absl::StatusCode code, const std::string& message,
                               const ErrorDetail& detail);

}  // namespace tributary
