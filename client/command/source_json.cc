#include "client/command/source_json.h"

#include <map>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/model.h"
#include "client/reference.h"
#include "client/reflect.h"
#include "tributary/v1/annotations.pb.h"
#include "tributary/v1/resource.pb.h"
#include "tributary/v1/watch.pb.h"

namespace tributary::command {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;

void WriteFields(const Message& message, JsonWriter& json);

std::string SourceName(const FieldDescriptor& field) {
  const v1::FieldRule& rule = field.options().GetExtension(v1::field);
  return rule.source_name().empty() ? field.json_name() : rule.source_name();
}

// "inProgress" of "IN_PROGRESS"
std::string LowerCamel(std::string_view upper_snake) {
  std::string camel;
  bool capital = false;
  for (const char c : upper_snake) {
    if (c == '_') {
      capital = true;
    } else {
      camel += capital ? c : absl::ascii_tolower(static_cast<unsigned char>(c));
      capital = false;
    }
  }
  return camel;
}

// "STATUS_" of enum Status, "CALL_STATUS_" of enum CallStatus.
std::string EnumPrefix(std::string_view name) {
  std::string prefix;
  for (const char c : name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return prefix + "_";
}

void WriteResource(const Message& resource, JsonWriter& json);

// The source, too, may send the whole resource in place of a reference.
void WriteRef(const v1::ResourceRef& ref, JsonWriter& json) {
  if (const auto resource = ExpandedResource(ref)) return WriteResource(*resource, json);
  json.BeginObject();
  json.Key("object");
  json.String("resourceRef");
  json.Key("model");
  json.String(ref.model());
  json.Key("id");
  json.String(ref.id());
  if (!ref.remote_id().empty()) {
    json.Key("remote");
    json.BeginObject();
    json.Key("id");
    json.String(ref.remote_id());
    json.EndObject();
  }
  json.EndObject();
}

void WriteMessage(const Message& message, JsonWriter& json) {
  using google::protobuf::DynamicCastToGenerated;
  if (const auto* ref = DynamicCastToGenerated<v1::ResourceRef>(&message)) {
    WriteRef(*ref, json);
  } else if (const auto* time = DynamicCastToGenerated<Timestamp>(&message)) {
    json.String(TimeText(*time));
  } else if (const auto* value = DynamicCastToGenerated<google::protobuf::Value>(&message)) {
    json.Value(*value);
  } else {
    json.BeginObject();
    WriteFields(message, json);
    json.EndObject();
  }
}

// The value of a singular field, or the item `index` of a repeated one.
void WriteValue(const Message& message, const FieldDescriptor& field, int index, JsonWriter& json) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return json.String(repeated ? reflection.GetRepeatedString(message, &field, index)
                                  : reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return json.Number(repeated ? reflection.GetRepeatedDouble(message, &field, index)
                                  : reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return json.Integer(repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                   : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return json.Integer(repeated ? reflection.GetRepeatedInt64(message, &field, index)
                                   : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return json.Bool(repeated ? reflection.GetRepeatedBool(message, &field, index)
                                : reflection.GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return json.String(
          SourceEnumText(*(repeated ? reflection.GetRepeatedEnum(message, &field, index)
                                    : reflection.GetEnum(message, &field))));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return WriteMessage(repeated ? reflection.GetRepeatedMessage(message, &field, index)
                                   : reflection.GetMessage(message, &field),
                          json);
    default:
      return json.Null();  // no field of the model has another type
  }
}

void WriteMap(const Message& message, const FieldDescriptor& field, JsonWriter& json) {
  const Reflection& reflection = *message.GetReflection();
  // By key: a protobuf map has an order that changes from run to run.
  std::map<std::string, const Message*> entries;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    entries[GetString(entry, "key")] = &entry;
  }
  for (const auto& [key, entry] : entries) {
    json.Key(key);
    WriteValue(*entry, FieldNamed(*entry, "value"), 0, json);
  }
}

// Whether the source's JSON has the field. A list that the source requires is there even when it is
// empty, which the wire does not tell from absent.
bool IsPresent(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    return reflection.FieldSize(message, &field) > 0 ||
           field.options().GetExtension(v1::field).required();
  }
  if (!reflection.HasField(message, &field)) return false;
  return field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM ||
         reflection.GetEnumValue(message, &field) != 0;
}

void WriteFields(const Message& message, JsonWriter& json) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!IsPresent(message, field)) continue;
    json.Key(SourceName(field));
    if (field.is_map()) {
      json.BeginObject();
      WriteMap(message, field, json);
      json.EndObject();
    } else if (field.is_repeated()) {
      json.BeginArray();
      const int size = message.GetReflection()->FieldSize(message, &field);
      for (int item = 0; item < size; ++item) WriteValue(message, field, item, json);
      json.EndArray();
    } else {
      WriteValue(message, field, 0, json);
    }
  }
}

// Only what the source itself found: the other warnings are Tributary's.
void WriteWarnings(const Message& resource, JsonWriter& json) {
  const FieldDescriptor& field = FieldNamed(resource, "warnings");
  json.Key("warnings");
  json.BeginArray();
  for (int i = 0; i < resource.GetReflection()->FieldSize(resource, &field); ++i) {
    const auto& warning = *google::protobuf::DynamicCastToGenerated<v1::Warning>(
        &resource.GetReflection()->GetRepeatedMessage(resource, &field, i));
    if (warning.origin() == v1::Warning::ORIGIN_TRIBUTARY) continue;
    json.BeginObject();
    json.Key("code");
    json.String(warning.code());
    json.Key("message");
    json.String(warning.message());
    json.EndObject();
  }
  json.EndArray();
}

void WriteResource(const Message& resource, JsonWriter& json) {
  json.BeginObject();
  json.Key("object");
  json.String("resource");
  json.Key("model");
  json.String(ResourceModel::Of(*resource.GetDescriptor()).id());
  json.Key("id");
  json.String(GetString(resource, "id"));
  if (const std::string remote_id = GetString(resource, "remote_id"); !remote_id.empty()) {
    json.Key("remote");
    json.BeginObject();
    json.Key("id");
    json.String(remote_id);
    json.EndObject();
  }
  json.Key("fields");
  json.BeginObject();
  WriteFields(GetMessage(resource, "fields"), json);
  WriteMap(resource, FieldNamed(resource, "custom_fields"), json);
  json.EndObject();
  for (const char* name : {"created_at", "updated_at", "raw_resource"}) {
    if (!Has(resource, name)) continue;
    json.Key(FieldNamed(resource, name).json_name());
    WriteMessage(GetMessage(resource, name), json);
  }
  WriteWarnings(resource, json);
  json.EndObject();
}

std::string_view TriggerOf(int change_type) {
  switch (change_type) {
    case v1::CHANGE_TYPE_UPDATED:
      return "updated";
    case v1::CHANGE_TYPE_DELETED:
    case v1::CHANGE_TYPE_LEFT:
      return "deleted";
    default:
      return "created";
  }
}

// The type of a change, where the trigger does not say it.
std::string_view UntoldOf(int change_type) {
  switch (change_type) {
    case v1::CHANGE_TYPE_EXISTING:
      return "existing";
    case v1::CHANGE_TYPE_ENTERED:
      return "entered";
    case v1::CHANGE_TYPE_LEFT:
      return "left";
    default:
      return "";
  }
}

}  // namespace

std::string SourceJson(const Message& resource, Layout layout) {
  JsonWriter json(layout);
  WriteResource(resource, json);
  return json.Take();
}

std::string SourceEventJson(const Message& change, Layout layout) {
  const Message& resource = GetMessage(change, "resource");
  JsonWriter json(layout);
  json.BeginObject();
  json.Key("event");
  json.String(absl::StrCat(ResourceModel::Of(*resource.GetDescriptor()).id(),
                           "::", std::string(TriggerOf(GetEnum(change, "type")))));
  json.Key("data");
  WriteResource(resource, json);
  // What the source's three words do not tell apart.
  if (const std::string_view word = UntoldOf(GetEnum(change, "type")); !word.empty()) {
    json.Key("change");
    json.String(word);
  }
  if (GetBool(change, "coalesced")) {
    json.Key("coalesced");
    json.Bool(true);
  }
  json.EndObject();
  return json.Take();
}

std::string SourceEnumText(const EnumValueDescriptor& value) {
  // A value of a newer version has no name here; protobuf makes one up, and the number says more.
  if (value.type()->FindValueByName(value.name()) == nullptr) return absl::StrCat(value.number());
  if (value.number() == 0) return "";
  return LowerCamel(std::string_view(value.name()).substr(EnumPrefix(value.type()->name()).size()));
}

std::string TimeText(const Timestamp& time) {
  std::string text = absl::FormatTime("%E4Y-%m-%dT%H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                                      absl::UTCTimeZone());
  if (time.nanos() % 1'000'000 == 0) {
    absl::StrAppendFormat(&text, ".%03d", time.nanos() / 1'000'000);
  } else if (time.nanos() % 1'000 == 0) {
    absl::StrAppendFormat(&text, ".%06d", time.nanos() / 1'000);
  } else {
    absl::StrAppendFormat(&text, ".%09d", time.nanos());
  }
  return text + "Z";
}

}  // namespace tributary::command
