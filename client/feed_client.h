#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "client/resource_client.h"
#include "google/protobuf/message.h"

namespace tributary {
inline namespace client {

// The changes of all models, or of some, in one stream and in the one order of the store
// (tributary.feed.v1.FeedService). Thread-safe, cheap to make.
class FeedClient {
 public:
  explicit FeedClient(std::shared_ptr<grpc::Channel> channel, Scope scope = {})
      : channel_(std::move(channel)), scope_(std::move(scope)) {}

  // The responses, tributary.feed.v1.WatchChangesResponse, of a Watch that reconnects and resumes
  // by itself. `models` by their ids, "crmOpportunity"; none is all.
  std::unique_ptr<ResourceClient::Watch> StartWatch(const std::vector<std::string>& models,
                                                    const WatchOptions& options) const;

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const Scope scope_;
};

// The resource inside a tributary.feed.v1.Resource, of whatever model; null if there is none, or
// its model is newer than this program.
const google::protobuf::Message* ResourceIn(const google::protobuf::Message& feed_resource);

// A change of the feed as the Watch of its model would send it, such as an OpportunityChange. Null
// if its model is newer than this program.
MessagePtr ChangeOfModel(const google::protobuf::Message& feed_change);

}  // namespace client
}  // namespace tributary
