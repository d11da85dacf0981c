#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/model.h"
#include "client/paged_range.h"
#include "client/resumable_watch.h"
#include "client/rpc.h"
#include "google/protobuf/message.h"
#include "tributary/v1/resource.pb.h"
#include "tributary/v1/watch.pb.h"

namespace tributary {
inline namespace client {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;

// The braces in the options let a caller name the ones that matter, {.resume_token = saved},
// without a warning for the others.

// Whose resources are meant. Get and BatchGet need both; List and Watch take either, both or none.
struct Scope {
  std::string connector_id{};
  std::string owner_id{};
};

// What Get and BatchGet show of a resource.
struct ReadOptions {
  v1::View view = v1::VIEW_BASIC;
  // As of this revision, such as that of a List or of a change; the newest if there is none.
  std::optional<int64_t> read_revision{};
  // References to get with the resources that they refer to, by name: {"stage", "contacts"}.
  // Expanded in reference.h takes them out.
  std::vector<std::string> expand{};
};

struct ListOptions {
  std::string filter{};    // docs/filters.md has the language
  std::string order_by{};  // "amount desc"; by connector, owner and id if empty
  v1::View view = v1::VIEW_BASIC;
  int page_size = 0;         // 0: what the server finds right
  std::string page_token{};  // where to go on with an earlier List
  // As in ReadOptions.
  std::optional<int64_t> read_revision{};
  std::vector<std::string> expand{};
};

struct WatchOptions {
  // Chooses resources, which then enter and leave, or changes, if it speaks of them.
  std::string filter{};
  v1::View view = v1::VIEW_BASIC;
  // Where to begin: resume_token if not empty, else after_revision if present, else start.
  v1::WatchStart start = v1::WATCH_START_SNAPSHOT;
  std::string resume_token{};
  std::optional<int64_t> after_revision{};
  // Each change with the state before it, if that is still kept.
  bool include_previous = false;
  // Ends, with OK, at what is the head when the watch begins (after a reconnect: when it goes on).
  bool stop_at_head = false;
  // Silence for two intervals means that the connection is dead: the watch reconnects.
  absl::Duration heartbeat_interval = absl::Seconds(15);
  // `ok_is_the_end` is set from stop_at_head.
  WatchPatience patience{};
  // Told of each failure that will be retried, and after how long.
  std::function<void(const absl::Status&, absl::Duration)> on_retry{};
};

// What BatchGet found, in the order of the request, and what it did not.
template <typename Item>
struct Batch {
  std::vector<Item> items;
  std::vector<std::string> missing_ids;
};

// The four methods of any model, on messages whose type is known at run time: what Client<T> and
// the command stand on. Errors are those of the service; ReasonOf tells which. Thread-safe, cheap
// to make.
class ResourceClient {
 public:
  using Watch = ResumableWatch<MessagePtr, MessagePtr>;

  ResourceClient(std::shared_ptr<grpc::Channel> channel, const ResourceModel& model, Scope scope,
                 CallOptions options = {});

  const ResourceModel& model() const { return *model_; }

  // The resource; NOT_FOUND if it is absent or deleted, OUT_OF_RANGE if the revision asked for is
  // (REVISION_COMPACTED, POSITION_IN_FUTURE).
  absl::StatusOr<MessagePtr> Get(std::string_view id, const ReadOptions& options = {}) const;

  // As many resources as asked for, in as many calls as that takes.
  absl::StatusOr<Batch<MessagePtr>> BatchGet(std::span<const std::string> ids,
                                             const ReadOptions& options = {}) const;

  absl::StatusOr<ItemPage<MessagePtr>> ListPage(const ListOptions& options) const;
  PagedRange<MessagePtr> List(ListOptions options = {}) const;

  // The responses of a Watch that reconnects and resumes by itself; its first heartbeat says that
  // it is connected.
  std::unique_ptr<Watch> StartWatch(const WatchOptions& options) const;

 private:
  MessagePtr NewRequest(const google::protobuf::MethodDescriptor& method) const;
  absl::StatusOr<MessagePtr> Call(const google::protobuf::MethodDescriptor& method,
                                  const google::protobuf::Message& request) const;
  // Moves the resources out of the response of BatchGet or List.
  std::vector<MessagePtr> TakeItems(google::protobuf::Message& response) const;

  const std::shared_ptr<grpc::Channel> channel_;
  const ResourceModel* const model_;
  const Scope scope_;
  const CallOptions options_;
};

// Starts a Watch of any service: what ResourceClient and FeedClient have in common. `request` holds
// what is the method's own; the rest comes from the scope and the options.
std::unique_ptr<ResourceClient::Watch> OpenWatch(std::shared_ptr<grpc::Channel> channel,
                                                 const google::protobuf::MethodDescriptor& method,
                                                 const Scope& scope, MessagePtr request,
                                                 const WatchOptions& options);

}  // namespace client
}  // namespace tributary
