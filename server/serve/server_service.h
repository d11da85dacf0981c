#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/model/model.h"
#include "server/serve/raw_service.h"
#include "server/serve/rpc_metrics.h"
#include "server/store/store.h"

namespace tributary {

// tributary.v1.ServerService: what runs here, and how far back its history goes. Everything given
// must outlive it. Thread-safe.
class ServerService {
 public:
  ServerService(std::string version, const ModelRegistry& models, Store& store, Executor& executor,
                RpcMetrics& metrics, const Clock& clock);

  grpc::Service& service() { return service_; }

 private:
  absl::StatusOr<std::string> GetServerInfo() const;

  const std::string version_;
  const ModelRegistry& models_;
  Store& store_;
  const Clock& clock_;
  RawService service_;
};

}  // namespace tributary
