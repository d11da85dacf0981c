#pragma once

#include "grpcpp/generic/async_generic_service.h"
#include "server/serve/rpc_metrics.h"

namespace tributary {

// Answers calls of methods that this server does not have as every refused call is answered: a
// message that names the method, and a reason (METHOD_NOT_FOUND). Thread-safe.
class UnknownMethods final : public grpc::CallbackGenericService {
 public:
  explicit UnknownMethods(RpcMetrics& metrics) : metrics_(metrics) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  RpcMetrics& metrics_;
};

}  // namespace tributary
