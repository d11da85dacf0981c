#include "server/serve/feed_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "tributary/feed/v1/feed.pb.h"

namespace tributary {

absl::StatusOr<FeedShape> FeedService::FindShape(const ModelRegistry& models) {
  return FeedShape::Find(*feed::v1::Resource::descriptor(), models);
}

const google::protobuf::ServiceDescriptor& FeedService::descriptor() {
  return *feed::v1::Resource::descriptor()->file()->FindServiceByName("FeedService");
}

FeedService::FeedService(FeedShape shape, const ModelRegistry& models, WatchStreams& streams,
                         RpcMetrics& metrics)
    : shape_(std::move(shape)),
      models_(models),
      streams_(streams),
      method_(*descriptor().FindMethodByName("WatchChanges")),
      metrics_(metrics.Add(method_)),
      reader_(*method_.input_type()) {
  service_.AddStreaming(
      method_,
      [this](grpc::CallbackServerContext* call,
             const grpc::ByteBuffer* bytes) -> grpc::ServerWriteReactor<grpc::ByteBuffer>* {
        absl::StatusOr<WatchRequest> request = Read(*bytes);
        if (!request.ok()) return streams_.Refuse(call, metrics_, request.status());
        return streams_.Open(call, *std::move(request));
      });
}

absl::StatusOr<WatchRequest> FeedService::Read(const grpc::ByteBuffer& bytes) const {
  TRIBUTARY_ASSIGN_OR_RETURN(Request request, reader_.Read(bytes));
  std::vector<std::string> models = std::move(request.models);
  for (const std::string& model : models) {
    if (models_.Find(model) != nullptr) continue;
    return InvalidField("models", absl::StrCat(Clip(model), " is no model of this server"));
  }
  std::sort(models.begin(), models.end());
  models.erase(std::unique(models.begin(), models.end()), models.end());
  Selection selection{std::move(models), request.connector_id, request.owner_id};
  WatchRequest watch{metrics_, std::move(request), std::move(selection), nullptr, &shape_};
  if (!watch.request.filter.empty()) {
    TRIBUTARY_ASSIGN_OR_RETURN(watch.filter, Filter::CompileForFeed(watch.request.filter));
  }
  return watch;
}

}  // namespace tributary
