#pragma once

#include "absl/status/statusor.h"
#include "server/model/model.h"
#include "server/serve/feed_shape.h"
#include "server/serve/raw_service.h"
#include "server/serve/request.h"
#include "server/serve/rpc_metrics.h"
#include "server/serve/watch_streams.h"

namespace tributary {

// tributary.feed.v1.FeedService: the changes of all models in one stream. What is given must
// outlive it. Thread-safe.
class FeedService {
 public:
  FeedService(FeedShape shape, const ModelRegistry& models, WatchStreams& streams,
              RpcMetrics& metrics);

  // The arms of the feed's messages; an error if a model has none.
  static absl::StatusOr<FeedShape> FindShape(const ModelRegistry& models);
  static const google::protobuf::ServiceDescriptor& descriptor();

  grpc::Service& service() { return service_; }

 private:
  absl::StatusOr<WatchRequest> Read(const grpc::ByteBuffer& bytes) const;

  const FeedShape shape_;
  const ModelRegistry& models_;
  WatchStreams& streams_;
  const google::protobuf::MethodDescriptor& method_;
  MethodMetrics& metrics_;
  const RequestReader reader_;
  RawService service_;
};

}  // namespace tributary
