#include "server/serve/server_service.h"

#include <utility>

#include "google/protobuf/util/time_util.h"
#include "server/base/status_macros.h"
#include "server/serve/call.h"
#include "tributary/v1/server.pb.h"

namespace tributary {
namespace {

// What a client can ask of this version and could not ask of the first one.
constexpr const char* kFeatures[] = {"watch_filters", "compaction", "feed",
                                     "read_revision", "expand",     "field_definitions",
                                     "card_views",    "deliveries", "ingest"};

}  // namespace

ServerService::ServerService(std::string version, const ModelRegistry& models, Store& store,
                             Executor& executor, RpcMetrics& metrics, const Clock& clock)
    : version_(std::move(version)), models_(models), store_(store), clock_(clock) {
  const google::protobuf::MethodDescriptor* method = v1::GetServerInfoRequest::descriptor()
                                                         ->file()
                                                         ->FindServiceByName("ServerService")
                                                         ->FindMethodByName("GetServerInfo");
  MethodMetrics& cells = metrics.Add(*method);
  UnaryWork work = [this](const grpc::ByteBuffer&) { return GetServerInfo(); };
  service_.AddUnary(*method, [&executor, &cells, work = std::move(work)](
                                 grpc::CallbackServerContext* context,
                                 const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
    return AnswerOn(executor, {cells, context, request, response}, work);
  });
}

absl::StatusOr<std::string> ServerService::GetServerInfo() const {
  TRIBUTARY_ASSIGN_OR_RETURN(const Head head, store_.GetHead());
  v1::GetServerInfoResponse info;
  info.set_version(version_);
  info.set_store_id(store_.id());
  info.set_head_revision(head.revision);
  info.set_oldest_revision(head.oldest_revision);
  info.set_oldest_resumable_revision(head.oldest_resumable);
  for (const auto& model : models_.models()) info.add_models(model->name());
  for (const char* feature : kFeatures) info.add_features(feature);
  *info.mutable_server_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(clock_.NowMicros());
  return info.SerializeAsString();
}

}  // namespace tributary
