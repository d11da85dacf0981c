#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/channel.h"
#include "client/error.h"
#include "client/reference.h"
#include "client/reflect.h"
#include "client/resource_client.h"
#include "tributary/v1/watch.pb.h"

namespace tributary {
inline namespace client {

// One change of a resource of type T, as the Change messages of the protos describe it.
template <typename T>
struct TypedChange {
  v1::ChangeType type = v1::CHANGE_TYPE_UNSPECIFIED;
  int64_t revision = 0;
  T resource;
  std::optional<T> previous;
  std::vector<std::string> changed_fields;
  std::optional<absl::Time> committed_at;
  std::optional<absl::Time> received_at;
  bool coalesced = false;
  std::string delivery_id;

  // What a copy of the data does with the change: remove the resource's key, or else put the
  // resource.
  bool removes() const { return type == v1::CHANGE_TYPE_DELETED || type == v1::CHANGE_TYPE_LEFT; }
};

// One message of a Watch; without changes it is a heartbeat.
template <typename T>
struct WatchBatch {
  std::vector<TypedChange<T>> changes;
  std::string resume_token;  // store it with what the changes made, in one transaction
  int64_t revision = 0;      // nothing at or before it is still to come; 0: not known yet
  bool snapshot_complete = false;
  int64_t head_revision = 0;
};

// A Watch that goes on until it is cancelled or cannot be mended. Cancel may be called from any
// thread, all else from one.
template <typename T>
class TypedWatch {
 public:
  explicit TypedWatch(std::unique_ptr<ResourceClient::Watch> watch) : watch_(std::move(watch)) {}

  // Waits for the next message. Nothing: the watch has ended, and status() says why.
  std::optional<WatchBatch<T>> Next();
  const absl::Status& status() const { return watch_->status(); }
  void Cancel() { watch_->Cancel(); }

 private:
  std::unique_ptr<ResourceClient::Watch> watch_;
};

// Resources of type T, such as tributary::crm::v1::Opportunity, of one scope:
//
//   auto channel = tributary::Connect("127.0.0.1:50051");
//   tributary::Client<Opportunity> deals(channel, {"hubspot", "acme"});
//   absl::StatusOr<Opportunity> deal = deals.Get("31190045522");
//   auto watch = deals.Watch({.resume_token = LoadToken()});
//   while (auto batch = watch.Next()) {
//     for (const auto& change : batch->changes) { … }
//     SaveToken(batch->resume_token);
//   }
//
// Unary calls have a deadline and are retried; a watch reconnects and resumes. Every error of the
// service comes through as it is: ReasonOf tells which. Thread-safe, cheap to make; share the
// channel.
template <typename T>
class Client {
 public:
  explicit Client(std::shared_ptr<grpc::Channel> channel, Scope scope = {},
                  CallOptions options = {})
      : client_(std::move(channel), ResourceModel::Of(*T::descriptor()), std::move(scope),
                std::move(options)) {}

  // NOT_FOUND if it is absent (RESOURCE_NOT_FOUND) or deleted (RESOURCE_DELETED).
  absl::StatusOr<T> Get(std::string_view id, const ReadOptions& options = {}) const {
    absl::StatusOr<MessagePtr> message = client_.Get(id, options);
    if (!message.ok()) return message.status();
    return Take(**message);
  }

  absl::StatusOr<Batch<T>> BatchGet(std::span<const std::string> ids,
                                    const ReadOptions& options = {}) const {
    absl::StatusOr<Batch<MessagePtr>> found = client_.BatchGet(ids, options);
    if (!found.ok()) return found.status();
    Batch<T> batch;
    batch.missing_ids = std::move(found->missing_ids);
    for (MessagePtr& item : found->items) batch.items.push_back(Take(*item));
    return batch;
  }

  // Page by page; an error of the service ends the iteration, and is the range's status.
  PagedRange<T> List(ListOptions options = {}) const {
    return PagedRange<T>([client = client_, options = std::move(options)](
                             const std::string& page_token) -> absl::StatusOr<ItemPage<T>> {
      ListOptions next = options;
      if (!page_token.empty()) next.page_token = page_token;
      absl::StatusOr<ItemPage<MessagePtr>> fetched = client.ListPage(next);
      if (!fetched.ok()) return fetched.status();
      ItemPage<T> page{{}, std::move(fetched->next_page_token), fetched->revision};
      for (MessagePtr& item : fetched->items) page.items.push_back(Take(*item));
      return page;
    });
  }

  // Snapshot, then changes, or whatever the options say; it begins with the first Next.
  TypedWatch<T> Watch(const WatchOptions& options = {}) const {
    return TypedWatch<T>(client_.StartWatch(options));
  }

  // Moves a T out of a message of that type.
  static T Take(google::protobuf::Message& message) {
    return std::move(*google::protobuf::DynamicCastToGenerated<T>(&message));
  }

 private:
  const ResourceClient client_;
};

template <typename T>
TypedChange<T> TakeChange(google::protobuf::Message& message) {
  TypedChange<T> change;
  change.type = static_cast<v1::ChangeType>(GetEnum(message, "type"));
  change.revision = GetInt64(message, "revision");
  change.resource = Client<T>::Take(MutableMessage(message, "resource"));
  if (Has(message, "previous")) {
    change.previous = Client<T>::Take(MutableMessage(message, "previous"));
  }
  change.changed_fields = GetStrings(message, "changed_fields");
  change.committed_at = GetTime(message, "committed_at");
  change.received_at = GetTime(message, "received_at");
  change.coalesced = GetBool(message, "coalesced");
  change.delivery_id = GetString(message, "delivery_id");
  return change;
}

template <typename T>
std::optional<WatchBatch<T>> TypedWatch<T>::Next() {
  std::optional<MessagePtr> response = watch_->Next();
  if (!response.has_value()) return std::nullopt;
  google::protobuf::Message& message = **response;
  WatchBatch<T> batch;
  const auto& changes = FieldNamed(message, "changes");
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &changes); ++i) {
    batch.changes.push_back(
        TakeChange<T>(*reflection.MutableRepeatedMessage(&message, &changes, i)));
  }
  batch.resume_token = GetString(message, "resume_token");
  batch.revision = GetInt64(message, "revision");
  batch.snapshot_complete = GetBool(message, "snapshot_complete");
  batch.head_revision = GetInt64(message, "head_revision");
  return batch;
}

}  // namespace client
}  // namespace tributary
