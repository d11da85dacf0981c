#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/base/executor.h"
#include "server/model/webhook_decoder.h"
#include "server/serve/intake.h"
#include "server/serve/raw_service.h"
#include "server/serve/rpc_metrics.h"
#include "server/store/store.h"
#include "tributary/ingest/v1/delivery.pb.h"

namespace tributary {

// tributary.ingest.v1.DeliveryService: the ledger, read, replayed and purged. Everything given must
// outlive it. Thread-safe.
class DeliveryService {
 public:
  DeliveryService(Store& store, Intake intake, Executor& executor, RpcMetrics& metrics);

  static const google::protobuf::ServiceDescriptor& descriptor();
  grpc::Service& service() { return service_; }

 private:
  // What a List, a Replay or a Purge looks through: from where, up to which number.
  struct Place {
    std::string_view method;
    std::string filter;
    DeliveryQuery query;
  };

  template <typename Request, typename Response>
  void Add(const std::string& method, Executor& executor, RpcMetrics& metrics,
           absl::StatusOr<Response> (DeliveryService::*work)(const Request&));

  absl::StatusOr<ingest::v1::ListDeliveriesResponse> List(
      const ingest::v1::ListDeliveriesRequest& request);
  absl::StatusOr<ingest::v1::Delivery> Get(const ingest::v1::GetDeliveryRequest& request);
  absl::StatusOr<ingest::v1::ReplayDeliveriesResponse> Replay(
      const ingest::v1::ReplayDeliveriesRequest& request);
  absl::StatusOr<ingest::v1::PurgeDeliveriesResponse> Purge(
      const ingest::v1::PurgeDeliveriesRequest& request);

  absl::StatusOr<Place> Begin(std::string_view method, const std::string& filter, int page_size,
                              const std::string& page_token, bool oldest_first);
  std::string TokenAfter(const Place& place, int64_t number) const;
  // Reads on until there is something, or enough was looked at.
  absl::StatusOr<DeliveryPage> Read(DeliveryQuery query);
  // Has them committed, and waits for it.
  absl::StatusOr<std::vector<Outcome>> Submit(std::vector<Delivery> deliveries);

  Store& store_;
  const Intake intake_;
  RawService service_;
};

}  // namespace tributary
