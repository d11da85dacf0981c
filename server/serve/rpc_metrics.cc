#include "server/serve/rpc_metrics.h"

#include "absl/strings/str_cat.h"

namespace tributary {

MethodMetrics& RpcMetrics::Add(const google::protobuf::MethodDescriptor& method) {
  return methods_.emplace_back(absl::StrCat(method.service()->full_name(), "/", method.name()),
                               method.server_streaming());
}

}  // namespace tributary
