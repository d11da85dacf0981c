#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/cards/card_exchange.h"
#include "server/fields/field_catalog.h"
#include "server/ingest/committer.h"
#include "server/ingest/expiry.h"
#include "server/ingest/webhook_server.h"
#include "server/model/model.h"
#include "server/model/webhook_decoder.h"
#include "server/serve/grpc_server.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"
#include "server/watch/change_hub.h"

namespace tributary {

struct ServerOptions {
  std::string store = "sqlite:tributary.db";
  GrpcServerOptions grpc;
  WebhookServerOptions http;
  SqliteOptions sqlite;
  DecoderOptions decoder;
  FieldCatalogOptions fields;
  std::chrono::milliseconds drain_timeout{5'000};
  int threads = 4;  // that read for calls and streams, and wake streams
};

// The whole service, built from its options: store, hub, committer, and the HTTP and gRPC sides.
// Used by main and, in-process, by tests. `clock` must outlive it; where it jumps back, the service
// stands still until it has caught up, for no delivery is older than one before it.
class Server {
 public:
  // Opens the store and listens. A failure says in words what to change.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options, const Clock& clock);
  ~Server();

  int grpc_port() const { return grpc_->port(); }
  int http_port() const { return http_->port(); }
  const ServerOptions& options() const { return options_; }
  const std::string& store_id() const { return store_->id(); }
  const CardExchange& cards() const { return cards_; }

  // NOT_SERVING and 503 at once; deliveries already read are committed and answered; streams end
  // with UNAVAILABLE; everything is closed within the drain timeout. Call once.
  void Drain();

 private:
  explicit Server(ServerOptions options) : options_(std::move(options)) {}

  const ServerOptions options_;
  std::atomic<bool> ready_{false};
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<Store> store_;
  std::optional<ForwardClock> clock_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<ChangeHub> hub_;
  std::unique_ptr<FieldCatalog> fields_;
  std::unique_ptr<Committer> committer_;
  CardExchange cards_;
  std::unique_ptr<Expiry> expiry_;
  std::unique_ptr<WebhookDecoder> decoder_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<WebhookServer> http_;
};

}  // namespace tributary
