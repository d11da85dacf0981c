#include "server/server.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "proto/resources.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/metrics_page.h"
#include "server/model/changed_fields.h"
#include "server/model/resource_index.h"
#include "server/serve/inline_reads.h"

namespace tributary {
namespace {

constexpr std::chrono::milliseconds kStall{
    2'000};  // how long a stream may take nothing while draining
constexpr std::string_view kSqlite = "sqlite:";

// The PATH of sqlite:PATH; empty if `store` is nothing of the kind.
std::string SqlitePath(std::string_view store) {
  return std::string(store.starts_with(kSqlite) ? store.substr(kSqlite.size()) : "");
}

void IndexByValue(const ModelRegistry& models, SqliteOptions& sqlite) {
  auto indexes = std::make_shared<absl::flat_hash_map<std::string, ResourceIndex>>();
  Hasher definition;
  for (const auto& model : models.models()) {
    const ResourceIndex index(*model);
    definition.Add(std::to_string(index.Definition()));
    indexes->emplace(model->name(), index);
  }
  sqlite.index_definition = static_cast<int64_t>(definition.Finish().low);
  sqlite.index = [indexes = std::move(indexes)](const std::string& model, std::string_view state) {
    const auto found = indexes->find(model);
    return found == indexes->end() ? std::vector<IndexEntry>() : found->second.EntriesOf(state);
  };
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const ServerOptions& options,
                                                 const ModelRegistry& models, const Clock& clock) {
  SqliteOptions sqlite = options.sqlite;
  sqlite.path = SqlitePath(options.store);
  if (sqlite.path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--store=", Clip(options.store), " is not of the form sqlite:PATH"));
  }
  // One for each thread that may read: none waits for another's.
  sqlite.readers =
      options.threads + InlineReads::kReadsMax + WebhookServer::ThreadsOf(options.http);
  sqlite.changed_fields = [&models](const Record& before, const Record& after) {
    const Model* model = models.Find(after.key.model);
    return model == nullptr ? std::string() : ChangedFields(*model, before, after);
  };
  IndexByValue(models, sqlite);
  return OpenSqliteStore(std::move(sqlite), clock);
}

// Of what is damaged nothing is known, and the service starts without it.
template <typename T>
absl::StatusOr<T> UnlessDamaged(absl::StatusOr<T> read) {
  if (absl::IsDataLoss(read.status())) return T();
  return read;
}

// When the last delivery on record was received; 0: there is none.
absl::StatusOr<int64_t> LastReceived(Store& store) {
  DeliveryQuery newest;
  newest.max_deliveries = 1;
  TRIBUTARY_ASSIGN_OR_RETURN(const DeliveryPage page, UnlessDamaged(store.ListDeliveries(newest)));
  return page.deliveries.empty() ? 0 : page.deliveries.front().received_us;
}

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("localhost:") ||
         address.starts_with("[::1]");
}

void WarnIfOpen(std::string_view flag, std::string_view address) {
  if (IsLoopback(address)) return;
  LogWarning(absl::StrCat(
      Absl(flag), "=", Absl(address),
      " is reachable from other machines, without TLS and without credentials: whoever "
      "reaches it can read or write every owner's data"));
}

Intake IntakeOf(const WebhookDecoder& decoder, Committer& committer,
                const WebhookServerOptions& http) {
  return {decoder,
          [&committer](Delivery delivery, Committer::Answer answer) {
            return committer.Submit(std::move(delivery), std::move(answer));
          },
          [&committer](Delivery& delivery, Committer::Answer answer, std::function<void()> room) {
            return committer.Offer(delivery, std::move(answer), std::move(room));
          },
          http.body_bytes_max};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options, const Clock& clock) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  const ServerOptions& with = server->options_;
  TRIBUTARY_ASSIGN_OR_RETURN(ModelRegistry models, ModelRegistry::Build(ResourceDescriptors()));
  server->models_ = std::make_unique<ModelRegistry>(std::move(models));
  TRIBUTARY_ASSIGN_OR_RETURN(server->store_, OpenStore(with, *server->models_, clock));
  TRIBUTARY_ASSIGN_OR_RETURN(const Head head, server->store_->GetHead());
  TRIBUTARY_ASSIGN_OR_RETURN(const std::optional<int64_t> committed_us,
                             UnlessDamaged(server->store_->CommittedAt(head.revision)));
  TRIBUTARY_ASSIGN_OR_RETURN(const int64_t received_us, LastReceived(*server->store_));
  const Clock& forward = server->clock_.emplace(clock, received_us);
  server->executor_ = std::make_unique<Executor>(with.threads);
  server->hub_ = std::make_unique<ChangeHub>(head.revision, committed_us.value_or(0),
                                             limits::kWindowBytesMax, server->executor_.get());
  server->fields_ = std::make_unique<FieldCatalog>(*server->models_, *server->store_, with.fields);
  server->committer_ = std::make_unique<Committer>(
      *server->store_,
      [hub = server->hub_.get(), fields = server->fields_.get()](const Committed& committed) {
        fields->Learn(committed.changes);
        hub->Publish(committed.changes);
      },
      CommitterOptions(),
      [fields = server->fields_.get()](std::span<Delivery> batch) { fields->Merge(batch); });
  server->decoder_ =
      std::make_unique<WebhookDecoder>(*server->models_, with.decoder, server->fields_.get());
  WarnIfOpen("--grpc_address", with.grpc.address);
  WarnIfOpen("--http_address", with.http.address);
  const Intake intake = IntakeOf(*server->decoder_, *server->committer_, with.http);
  TRIBUTARY_ASSIGN_OR_RETURN(
      server->grpc_, GrpcServer::Start(with.grpc, *server->models_, *server->store_, *server->hub_,
                                       server->cards_, *server->executor_, forward, intake));
  const MetricsSources measured{with.grpc.version, SqlitePath(with.store), *with.sqlite.metrics,
                                *server->store_,   *server->committer_,    server->cards_,
                                *server->fields_,  *server->grpc_};
  TRIBUTARY_ASSIGN_OR_RETURN(
      server->http_, WebhookServer::Start(
                         with.http, *server->decoder_, *server->committer_, server->cards_, forward,
                         [ready = &server->ready_, store = with.sqlite.metrics] {
                           return ready->load() && !store->in_doubt.load();
                         },
                         [measured](const HttpMetrics& http, Exposition& page) {
                           WriteMetricsPage(measured, http, page);
                         }));
  server->expiry_ =
      std::make_unique<Expiry>(*server->models_, *server->store_, *server->committer_, forward);
  server->expiry_->Start();
  server->ready_ = true;
  return server;
}

void Server::Drain() {
  const auto deadline = std::chrono::steady_clock::now() + options_.drain_timeout;
  ready_ = false;
  grpc_->StopServing();
  http_->Drain();
  cards_.Drain();
  expiry_.reset();
  grpc_->StopIngest(std::min(deadline, std::chrono::steady_clock::now() + kStall));
  // First what was read gets its answer, and the streams its changes; then the streams end.
  committer_->Shutdown();
  http_->Stop(std::min(kStall, options_.drain_timeout / 2));
  grpc_->Shutdown(deadline, kStall);
}

Server::~Server() {
  // In reverse: no new work, then what is queued, then those who read.
  http_.reset();
  expiry_.reset();
  if (committer_ != nullptr) committer_->Shutdown();
  grpc_.reset();
}

}  // namespace tributary
