#pragma once

#include "grpcpp/generic/async_generic_service.h"

namespace tributary {

// Answers calls of methods that this server does not have as every refused call is answered: a
// message that names the method, and a reason (METHOD_NOT_FOUND). Thread-safe.
class UnknownMethods final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;
};

}  // namespace tributary
