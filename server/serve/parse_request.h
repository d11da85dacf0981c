#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/base/error.h"

namespace tributary {

// The request of a method that has one of its own, where those of every model are read by shape
// (request.h). INVALID_ARGUMENT if it is no such message.
template <typename Request>
absl::StatusOr<Request> ParseRequest(const grpc::ByteBuffer& bytes) {
  grpc::ByteBuffer copy = bytes;  // of references; reading empties it
  Request request;
  if (grpc::SerializationTraits<Request>::Deserialize(&copy, &request).ok()) return request;
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("the request is not a well-formed ", Request::descriptor()->full_name()),
      reason::kArgumentInvalid);
}

}  // namespace tributary
