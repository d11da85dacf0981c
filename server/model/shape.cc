#include "server/model/shape.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// A field as it has to be. `type` is a scalar's name, or the full name of a message or enum; an
// empty name accepts any (the plural of the resource).
struct Expected {
  int number;
  std::string_view name;
  std::string_view type;
  bool repeated = false;
};

absl::Status Unfit(const Descriptor* message, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(message->file()->name(), ": ", message->full_name(), " ", Absl(why)));
}

std::string TypeName(const FieldDescriptor* field) {
  if (field->is_map()) {
    const Descriptor* entry = field->message_type();
    return absl::StrCat("map<", TypeName(entry->FindFieldByNumber(1)), ", ",
                        TypeName(entry->FindFieldByNumber(2)), ">");
  }
  if (field->message_type() != nullptr) return field->message_type()->full_name();
  if (field->enum_type() != nullptr) return field->enum_type()->full_name();
  return field->type_name();
}

absl::Status CheckField(const Descriptor* message, const Expected& expected) {
  const FieldDescriptor* field = message->FindFieldByNumber(expected.number);
  const bool fits = field != nullptr && TypeName(field) == expected.type &&
                    (field->is_repeated() && !field->is_map()) == expected.repeated &&
                    (expected.name.empty() || field->name() == expected.name);
  if (fits) return absl::OkStatus();
  return Unfit(message, absl::StrCat("must have the field `", expected.repeated ? "repeated " : "",
                                     Absl(expected.type), " ", Absl(expected.name), " = ",
                                     expected.number, "`"));
}

absl::Status CheckFields(const Descriptor* message, const std::vector<Expected>& all) {
  for (const Expected& expected : all) TRIBUTARY_RETURN_IF_ERROR(CheckField(message, expected));
  return absl::OkStatus();
}

constexpr std::string_view kTimestamp = "google.protobuf.Timestamp";
constexpr std::string_view kView = "tributary.v1.View";

// What the requests of all unary methods have.
absl::Status CheckReadOptions(const MethodDescriptor* method) {
  return CheckFields(method->input_type(),
                     {{20, "read_revision", "int64"}, {21, "expand", "string", true}});
}

absl::Status CheckGet(const MethodDescriptor* method, const Descriptor* resource) {
  if (method->output_type() != resource) {
    return Unfit(resource, absl::StrCat("must be what ", method->name(), " answers"));
  }
  TRIBUTARY_RETURN_IF_ERROR(CheckReadOptions(method));
  return CheckFields(method->input_type(), {{1, "connector_id", "string"},
                                            {2, "owner_id", "string"},
                                            {3, "id", "string"},
                                            {4, "view", kView}});
}

absl::Status CheckBatchGet(const MethodDescriptor* method, const Descriptor* resource) {
  TRIBUTARY_RETURN_IF_ERROR(CheckReadOptions(method));
  TRIBUTARY_RETURN_IF_ERROR(CheckFields(method->input_type(), {{1, "connector_id", "string"},
                                                               {2, "owner_id", "string"},
                                                               {3, "ids", "string", true},
                                                               {4, "view", kView}}));
  return CheckFields(method->output_type(), {{1, "", resource->full_name(), true},
                                             {2, "missing_ids", "string", true},
                                             {3, "unread_ids", "string", true},
                                             {4, "revision", "int64"}});
}

absl::Status CheckList(const MethodDescriptor* method, const Descriptor* resource) {
  TRIBUTARY_RETURN_IF_ERROR(CheckReadOptions(method));
  TRIBUTARY_RETURN_IF_ERROR(CheckFields(method->input_type(), {{1, "connector_id", "string"},
                                                               {2, "owner_id", "string"},
                                                               {3, "filter", "string"},
                                                               {4, "view", kView},
                                                               {5, "page_size", "int32"},
                                                               {6, "page_token", "string"},
                                                               {7, "order_by", "string"}}));
  return CheckFields(method->output_type(), {{1, "", resource->full_name(), true},
                                             {2, "next_page_token", "string"},
                                             {3, "revision", "int64"}});
}

absl::Status CheckChange(const Descriptor* change, const Descriptor* resource) {
  return CheckFields(change, {{1, "type", "tributary.v1.ChangeType"},
                              {2, "revision", "int64"},
                              {3, "resource", resource->full_name()},
                              {4, "previous", resource->full_name()},
                              {5, "changed_fields", "string", true},
                              {6, "committed_at", kTimestamp},
                              {7, "received_at", kTimestamp},
                              {8, "coalesced", "bool"},
                              {10, "delivery_id", "string"}});
}

absl::Status CheckWatch(const MethodDescriptor* method, const Descriptor* resource) {
  if (!method->server_streaming() || method->client_streaming()) {
    return Unfit(resource, absl::StrCat("must have a ", method->name(), " that answers a stream"));
  }
  TRIBUTARY_RETURN_IF_ERROR(
      CheckFields(method->input_type(), {{1, "connector_id", "string"},
                                         {2, "owner_id", "string"},
                                         {3, "filter", "string"},
                                         {4, "view", kView},
                                         {5, "start", "tributary.v1.WatchStart"},
                                         {6, "resume_token", "string"},
                                         {7, "after_revision", "int64"},
                                         {8, "heartbeat_interval", "google.protobuf.Duration"},
                                         {9, "include_previous", "bool"},
                                         {10, "stop_at_head", "bool"}}));
  const std::string change_name = absl::StrCat(resource->full_name(), "Change");
  TRIBUTARY_RETURN_IF_ERROR(CheckFields(method->output_type(), {{1, "changes", change_name, true},
                                                                {2, "resume_token", "string"},
                                                                {3, "revision", "int64"},
                                                                {4, "snapshot_complete", "bool"},
                                                                {5, "head_revision", "int64"}}));
  return CheckChange(method->output_type()->FindFieldByNumber(1)->message_type(), resource);
}

// The one method of `service` whose name is `verb`, the name of the resource and perhaps a plural
// ending.
absl::StatusOr<const MethodDescriptor*> FindMethod(const ServiceDescriptor* service,
                                                   std::string_view verb) {
  for (int i = 0; i < service->method_count(); ++i) {
    if (service->method(i)->name().starts_with(verb)) return service->method(i);
  }
  return absl::InvalidArgumentError(absl::StrCat(service->file()->name(), ": ",
                                                 service->full_name(), " must have a method ",
                                                 Absl(verb), "..."));
}

}  // namespace

absl::Status CheckFrame(const Descriptor* message) {
  const std::string fields = absl::StrCat(message->full_name(), ".Fields");
  TRIBUTARY_RETURN_IF_ERROR(
      CheckFields(message, {{1, "connector_id", "string"},
                            {2, "owner_id", "string"},
                            {3, "id", "string"},
                            {4, "fields", fields},
                            {5, "custom_fields", "map<string, google.protobuf.Value>"},
                            {6, "created_at", kTimestamp},
                            {7, "updated_at", kTimestamp},
                            {8, "warnings", "tributary.v1.Warning", true},
                            {9, "raw_resource", "google.protobuf.Value"},
                            {10, "remote_id", "string"},
                            {11, "revision", "int64"}}));
  if (message->field_count() == 11) return absl::OkStatus();
  return Unfit(message, "must have the fields of the frame alone; others belong into Fields");
}

absl::StatusOr<const ServiceDescriptor*> FindService(const Descriptor* message) {
  const std::string name = absl::StrCat(message->name(), "Service");
  const ServiceDescriptor* service = message->file()->FindServiceByName(name);
  if (service == nullptr) return Unfit(message, absl::StrCat("must have a service ", name));
  TRIBUTARY_ASSIGN_OR_RETURN(const MethodDescriptor* get, FindMethod(service, "Get"));
  TRIBUTARY_ASSIGN_OR_RETURN(const MethodDescriptor* batch_get, FindMethod(service, "BatchGet"));
  TRIBUTARY_ASSIGN_OR_RETURN(const MethodDescriptor* list, FindMethod(service, "List"));
  TRIBUTARY_ASSIGN_OR_RETURN(const MethodDescriptor* watch, FindMethod(service, "Watch"));
  TRIBUTARY_RETURN_IF_ERROR(CheckGet(get, message));
  TRIBUTARY_RETURN_IF_ERROR(CheckBatchGet(batch_get, message));
  TRIBUTARY_RETURN_IF_ERROR(CheckList(list, message));
  TRIBUTARY_RETURN_IF_ERROR(CheckWatch(watch, message));
  return service;
}

}  // namespace tributary
