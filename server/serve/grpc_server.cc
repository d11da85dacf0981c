#include "server/serve/grpc_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

constexpr int kMsPerSecond = 1000;
constexpr int kRequestBytesMax = 4 * 1024 * 1024;
constexpr std::chrono::milliseconds kCallsGrace{500};  // for unary calls under way when stopping

// Called before every build: the linker drops the libraries of plugins that nothing names.
void RegisterPlugins() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  // Likewise the descriptor of the health service, by which reflection describes it.
  (void)grpc::health::v1::HealthCheckRequest::descriptor();
}

// Debian's Abseil checks the order of all its locks, gRPC's among them, as if in a debug build: a
// node in one graph for each mutex, half a KiB for each stream.
void StopCheckingLockOrder() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

void SetArguments(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kRequestBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(limits::kMetadataBytesMax));
  // A watch may be silent for minutes: clients ping to see that it lives, and must not be cut off
  // for it.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             10 * kMsPerSecond);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // And the server pings them, or streams of clients that vanished would stay for ever.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60 * kMsPerSecond);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20 * kMsPerSecond);
  // A second server on the same port would silently take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

GrpcServer::GrpcServer(const GrpcServerOptions& options, const ModelRegistry& models,
                       FeedShape feed, Store& store, ChangeHub& hub, CardExchange& cards,
                       Executor& executor, const Clock& clock, const Intake& intake)
    : streams_(store, hub, executor, metrics_.watch(), options.streams_max),
      server_service_(options.version, models, store, executor, metrics_, clock),
      feed_service_(std::move(feed), models, streams_, metrics_),
      card_service_(cards, metrics_),
      delivery_service_(store, intake, executor, metrics_),
      ingest_service_(models, intake, executor, clock, metrics_),
      unknown_methods_(metrics_) {
  const ServingContext context{models, store, hub, executor, inline_reads_, streams_, metrics_};
  for (const auto& model : models.models()) {
    resource_services_.push_back(std::make_unique<ResourceService>(*model, context));
    if (model->service() == &CardService::descriptor()) {
      card_service_.AddTo(resource_services_.back()->service());
    }
    if (model->defines_custom_fields()) {
      field_definition_service_ = std::make_unique<FieldDefinitionService>(
          FieldDefinitionService::Context{models, store, executor, metrics_, clock, intake.submit},
          resource_services_.back()->service());
    }
  }
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    GrpcServerOptions options, const ModelRegistry& models, Store& store, ChangeHub& hub,
    CardExchange& cards, Executor& executor, const Clock& clock, const Intake& intake) {
  StopCheckingLockOrder();
  RegisterPlugins();
  TRIBUTARY_ASSIGN_OR_RETURN(FeedShape feed, FeedService::FindShape(models));
  TRIBUTARY_RETURN_IF_ERROR(CardService::Check(models));
  std::unique_ptr<GrpcServer> started(
      new GrpcServer(options, models, std::move(feed), store, hub, cards, executor, clock, intake));
  grpc::ServerBuilder builder;
  SetArguments(builder);
  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &started->port_);
  builder.RegisterService(&started->server_service_.service());
  builder.RegisterService(&started->feed_service_.service());
  builder.RegisterService(&started->delivery_service_.service());
  builder.RegisterService(&started->ingest_service_.service());
  for (const auto& service : started->resource_services_)
    builder.RegisterService(&service->service());
  builder.RegisterCallbackGenericService(&started->unknown_methods_);
  started->server_ = builder.BuildAndStart();
  if (started->server_ == nullptr || started->port_ == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen for gRPC on ", Clip(options.address),
                     ": the address is malformed, or its port is taken"));
  }
  // Each service by its name and, under the empty name, the whole.
  grpc::HealthCheckServiceInterface& health = *started->server_->GetHealthCheckService();
  health.SetServingStatus("tributary.v1.ServerService", true);
  health.SetServingStatus(FeedService::descriptor().full_name(), true);
  health.SetServingStatus(DeliveryService::descriptor().full_name(), true);
  health.SetServingStatus(IngestService::descriptor().full_name(), true);
  for (const auto& model : models.models())
    health.SetServingStatus(model->service()->full_name(), true);
  health.SetServingStatus(true);
  return started;
}

GrpcServer::~GrpcServer() {
  if (server_ != nullptr) {
    const auto now = std::chrono::steady_clock::now();
    Shutdown(now, std::chrono::milliseconds(0));
  }
}

void GrpcServer::StopServing() { server_->GetHealthCheckService()->Shutdown(); }

void GrpcServer::StopIngest(std::chrono::steady_clock::time_point deadline) {
  ingest_service_.streams().Drain();
  (void)ingest_service_.streams().WaitUntilQueued(deadline);  // else: sent again
}

void GrpcServer::Shutdown(std::chrono::steady_clock::time_point deadline,
                          std::chrono::milliseconds stall) {
  StopServing();
  IngestStreams& ingest = ingest_service_.streams();
  streams_.Drain();
  ingest.Drain();
  const auto patience = std::min(std::chrono::steady_clock::now() + stall, deadline);
  if (!streams_.WaitUntilEmpty(patience)) streams_.CancelAll();
  if (!ingest.WaitUntilEmpty(patience)) ingest.CancelAll();
  // Streams are gone and other calls take milliseconds. gRPC would wait longer only for connections
  // of clients that do not look at them just now.
  const auto left = std::clamp(deadline - std::chrono::steady_clock::now(),
                               std::chrono::steady_clock::duration::zero(),
                               std::chrono::steady_clock::duration(kCallsGrace));
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(left));
  server_->Wait();
}

}  // namespace tributary
