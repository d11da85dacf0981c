#include "server/serve/grpc_status.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/serve/error_details.h"

namespace tributary {
namespace {

constexpr size_t kMessageBytesMax = 512;

// gRPC percent-encodes the message, so a byte that is not printable ASCII costs three; details are
// base64.
size_t OnTheWire(const std::string& message, const std::string& details) {
  size_t bytes = message.size() + details.size() * 4 / 3;
  for (const char c : message) bytes += (c < ' ' || c > '~' || c == '%') ? 2 : 0;
  return bytes;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase& context) {
  if (status.ok()) return grpc::Status::OK;
  ErrorDetail detail = DetailOf(status);
  context.AddTrailingMetadata("tributary-reason", detail.reason);
  const std::string message = absl::StrCat(Absl(CutUtf8(Std(status.message()), kMessageBytesMax)),
                                           " (", detail.reason, ")");
  std::string details = EncodeErrorDetails(status.code(), message, detail);
  // At the bound, violations go one by one, the last first: the message names the first.
  while (OnTheWire(message, details) > limits::kErrorBytesMax && !detail.violations.empty()) {
    detail.violations.pop_back();
    details = EncodeErrorDetails(status.code(), message, detail);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message, details);
}

}  // namespace tributary
