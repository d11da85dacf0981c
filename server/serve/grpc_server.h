#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grpcpp/server.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/cards/card_exchange.h"
#include "server/model/model.h"
#include "server/serve/card_service.h"
#include "server/serve/delivery_service.h"
#include "server/serve/feed_service.h"
#include "server/serve/field_definition_service.h"
#include "server/serve/ingest_service.h"
#include "server/serve/inline_reads.h"
#include "server/serve/resource_service.h"
#include "server/serve/rpc_metrics.h"
#include "server/serve/server_service.h"
#include "server/serve/unknown_methods.h"
#include "server/serve/watch_streams.h"
#include "server/store/store.h"
#include "server/watch/change_hub.h"

namespace tributary {

struct GrpcServerOptions {
  std::string address = "127.0.0.1:50051";  // host:port; port 0 picks one
  std::string version;
  int streams_max = 10'000;
};

// The gRPC side: the service of every model, the feed, ServerService, and the standard ones: health
// (per service), reflection, channelz. Thread-safe. `models`, `store`, `hub`, `cards`, `executor`,
// on which it reads, `clock`, and what `intake` uses must outlive it.
class GrpcServer {
 public:
  // FAILED_PRECONDITION if the address can't be bound, or a model has no place in the feed.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      GrpcServerOptions options, const ModelRegistry& models, Store& store, ChangeHub& hub,
      CardExchange& cards, Executor& executor, const Clock& clock, const Intake& intake);
  ~GrpcServer();

  int port() const { return port_; }
  const RpcMetrics& metrics() const { return metrics_; }
  WatchStreams::Survey SurveyStreams() { return streams_.TakeSurvey(); }
  size_t ingest_streams() const { return ingest_service_.streams().open(); }

  // Health says NOT_SERVING from now on.
  void StopServing();

  // Streams of events read no further. Returns once all that they have read is queued for the
  // writer, or at `deadline`.
  void StopIngest(std::chrono::steady_clock::time_point deadline);

  // Ends every stream with UNAVAILABLE, SERVER_DRAINING, cancels after `stall` those that take
  // nothing, and closes by `deadline`.
  void Shutdown(std::chrono::steady_clock::time_point deadline, std::chrono::milliseconds stall);

 private:
  GrpcServer(const GrpcServerOptions& options, const ModelRegistry& models, FeedShape feed,
             Store& store, ChangeHub& hub, CardExchange& cards, Executor& executor,
             const Clock& clock, const Intake& intake);

  RpcMetrics metrics_;
  InlineReads inline_reads_;
  WatchStreams streams_;
  ServerService server_service_;
  FeedService feed_service_;
  CardService card_service_;
  DeliveryService delivery_service_;
  IngestService ingest_service_;
  UnknownMethods unknown_methods_;
  std::vector<std::unique_ptr<ResourceService>> resource_services_;
  std::unique_ptr<FieldDefinitionService> field_definition_service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace tributary
