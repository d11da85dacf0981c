#include "client/feed_client.h"

#include "client/model.h"
#include "client/reflect.h"
#include "tributary/feed/v1/feed.pb.h"

namespace tributary {
inline namespace client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const Descriptor& ChangeType(const ResourceModel& model) {
  return *model.watch().output_type()->FindFieldByName("changes")->message_type();
}

}  // namespace

std::unique_ptr<ResourceClient::Watch> FeedClient::StartWatch(
    const std::vector<std::string>& models, const WatchOptions& options) const {
  const auto& method = *feed::v1::WatchChangesRequest::descriptor()
                            ->file()
                            ->FindServiceByName("FeedService")
                            ->FindMethodByName("WatchChanges");
  auto request = std::make_unique<feed::v1::WatchChangesRequest>();
  for (const std::string& model : models) request->add_models(model);
  return OpenWatch(channel_, method, scope_, std::move(request), options);
}

const Message* ResourceIn(const Message& feed_resource) {
  const google::protobuf::Reflection& reflection = *feed_resource.GetReflection();
  std::vector<const FieldDescriptor*> set;
  reflection.ListFields(feed_resource, &set);
  return set.empty() ? nullptr : &reflection.GetMessage(feed_resource, set[0]);
}

MessagePtr ChangeOfModel(const Message& feed_change) {
  const Message* resource = ResourceIn(GetMessage(feed_change, "resource"));
  if (resource == nullptr) return nullptr;
  MessagePtr change(PrototypeOf(ChangeType(ResourceModel::Of(*resource->GetDescriptor()))).New());
  MutableMessage(*change, "resource").CopyFrom(*resource);
  if (const Message* previous = ResourceIn(GetMessage(feed_change, "previous"))) {
    MutableMessage(*change, "previous").CopyFrom(*previous);
  }
  SetEnum(*change, "type", GetEnum(feed_change, "type"));
  SetInt64(*change, "revision", GetInt64(feed_change, "revision"));
  SetBool(*change, "coalesced", GetBool(feed_change, "coalesced"));
  SetString(*change, "delivery_id", GetString(feed_change, "delivery_id"));
  for (const std::string& path : GetStrings(feed_change, "changed_fields")) {
    AddString(*change, "changed_fields", path);
  }
  for (const char* time : {"committed_at", "received_at"}) {
    if (Has(feed_change, time)) {
      MutableMessage(*change, time).CopyFrom(GetMessage(feed_change, time));
    }
  }
  return change;
}

}  // namespace client
}  // namespace tributary
