#include "server/serve/unknown_methods.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/strings.h"
#include "server/serve/grpc_status.h"

namespace tributary {
namespace {

class RefusedCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit RefusedCall(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerGenericBidiReactor* UnknownMethods::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnimplemented,
                absl::StrCat("method ", Clip(context->method()), " is not served here"),
                reason::kMethodNotFound);
  metrics_.other().CountCall(status.code());
  return new RefusedCall(ToGrpcStatus(status, *context));
}

}  // namespace tributary
