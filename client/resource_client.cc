#include "client/resource_client.h"

#include <algorithm>
#include <utility>

#include "client/reflect.h"
#include "google/protobuf/duration.pb.h"

namespace tributary {
inline namespace client {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr size_t kBatchIdsMax = 1000;  // of one BatchGet

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::ToInt64Seconds(duration));
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(duration - absl::Seconds(proto.seconds()))));
  return proto;
}

void SetScope(const Scope& scope, Message& request) {
  SetString(request, "connector_id", scope.connector_id);
  SetString(request, "owner_id", scope.owner_id);
}

// Sets what Get, BatchGet and List have in common; they all have it under one name.
template <typename Options>
void SetReadOptions(const Options& options, Message& request) {
  SetEnum(request, "view", options.view);
  if (options.read_revision.has_value()) {
    SetInt64(request, "read_revision", *options.read_revision);
  }
  for (const std::string& name : options.expand) AddString(request, "expand", name);
}

// Moves the request to the position after the response.
bool AdvanceRequest(const MessagePtr& response, MessagePtr& request) {
  const std::string token = GetString(*response, "resume_token");
  if (token.empty() || token == GetString(*request, "resume_token")) return false;
  SetString(*request, "resume_token", token);
  return true;
}

}  // namespace

ResourceClient::ResourceClient(std::shared_ptr<grpc::Channel> channel, const ResourceModel& model,
                               Scope scope, CallOptions options)
    : channel_(std::move(channel)),
      model_(&model),
      scope_(std::move(scope)),
      options_(std::move(options)) {}

absl::StatusOr<MessagePtr> ResourceClient::Get(std::string_view id,
                                               const ReadOptions& options) const {
  const MessagePtr request = NewRequest(model_->get());
  SetString(*request, "id", id);
  SetReadOptions(options, *request);
  return Call(model_->get(), *request);
}

absl::StatusOr<Batch<MessagePtr>> ResourceClient::BatchGet(std::span<const std::string> ids,
                                                           const ReadOptions& options) const {
  Batch<MessagePtr> batch;
  // What is still to be asked for: what did not fit into an answer goes back to the front.
  std::vector<std::string> pending(ids.begin(), ids.end());
  while (!pending.empty()) {
    const size_t count = std::min(pending.size(), kBatchIdsMax);
    const MessagePtr request = NewRequest(model_->batch_get());
    for (size_t i = 0; i < count; ++i) AddString(*request, "ids", pending[i]);
    SetReadOptions(options, *request);
    absl::StatusOr<MessagePtr> response = Call(model_->batch_get(), *request);
    if (!response.ok()) return response.status();
    std::vector<std::string> unread = GetStrings(**response, "unread_ids");
    if (unread.size() >= count) {
      return absl::InternalError("BatchGet answered none of the ids that it was asked for");
    }
    for (MessagePtr& item : TakeItems(**response)) batch.items.push_back(std::move(item));
    for (std::string& id : GetStrings(**response, "missing_ids")) {
      batch.missing_ids.push_back(std::move(id));
    }
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(count));
    pending.insert(pending.begin(), unread.begin(), unread.end());
  }
  return batch;
}

absl::StatusOr<ItemPage<MessagePtr>> ResourceClient::ListPage(const ListOptions& options) const {
  const MessagePtr request = NewRequest(model_->list());
  SetString(*request, "filter", options.filter);
  SetString(*request, "order_by", options.order_by);
  SetReadOptions(options, *request);
  SetInt32(*request, "page_size", options.page_size);
  SetString(*request, "page_token", options.page_token);
  absl::StatusOr<MessagePtr> response = Call(model_->list(), *request);
  if (!response.ok()) return response.status();
  ItemPage<MessagePtr> page;
  page.items = TakeItems(**response);
  page.next_page_token = GetString(**response, "next_page_token");
  page.revision = GetInt64(**response, "revision");
  return page;
}

PagedRange<MessagePtr> ResourceClient::List(ListOptions options) const {
  return PagedRange<MessagePtr>(
      [client = *this, options = std::move(options)](const std::string& page_token) {
        ListOptions next = options;
        if (!page_token.empty()) next.page_token = page_token;
        return client.ListPage(next);
      });
}

std::unique_ptr<ResourceClient::Watch> ResourceClient::StartWatch(
    const WatchOptions& options) const {
  MessagePtr request(PrototypeOf(*model_->watch().input_type()).New());
  return OpenWatch(channel_, model_->watch(), scope_, std::move(request), options);
}

MessagePtr ResourceClient::NewRequest(const MethodDescriptor& method) const {
  MessagePtr request(PrototypeOf(*method.input_type()).New());
  SetScope(scope_, *request);
  return request;
}

absl::StatusOr<MessagePtr> ResourceClient::Call(const MethodDescriptor& method,
                                                const Message& request) const {
  MessagePtr response(PrototypeOf(*method.output_type()).New());
  const absl::Status status = CallUnary(channel_, PathOf(method), request, options_, *response);
  if (!status.ok()) return status;
  return response;
}

std::vector<MessagePtr> ResourceClient::TakeItems(Message& response) const {
  const FieldDescriptor& field = FieldNamed(response, model_->plural());
  const google::protobuf::Reflection& reflection = *response.GetReflection();
  std::vector<MessagePtr> items(static_cast<size_t>(reflection.FieldSize(response, &field)));
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    item->reset(reflection.ReleaseLast(&response, &field));
  }
  return items;
}

std::unique_ptr<ResourceClient::Watch> OpenWatch(std::shared_ptr<grpc::Channel> channel,
                                                 const MethodDescriptor& method, const Scope& scope,
                                                 MessagePtr request, const WatchOptions& options) {
  SetScope(scope, *request);
  SetString(*request, "filter", options.filter);
  SetEnum(*request, "view", options.view);
  SetEnum(*request, "start", options.start);
  SetString(*request, "resume_token", options.resume_token);
  if (options.after_revision.has_value()) {
    SetInt64(*request, "after_revision", *options.after_revision);
  }
  MutableMessage(*request, "heartbeat_interval").CopyFrom(ToProto(options.heartbeat_interval));
  SetBool(*request, "include_previous", options.include_previous);
  SetBool(*request, "stop_at_head", options.stop_at_head);

  WatchPatience patience = options.patience;
  patience.ok_is_the_end = options.stop_at_head;
  const absl::Duration silence_max = 2 * options.heartbeat_interval;
  auto open = [channel = std::move(channel), method = &method,
               silence_max](const MessagePtr& position) {
    return std::make_shared<ServerStream>(channel, PathOf(*method), *position,
                                          PrototypeOf(*method->output_type()), silence_max);
  };
  return std::make_unique<ResourceClient::Watch>(std::move(request), std::move(open),
                                                 AdvanceRequest, patience, options.on_retry);
}

}  // namespace client
}  // namespace tributary
