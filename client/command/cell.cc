#include "client/command/cell.h"

#include "absl/strings/str_cat.h"
#include "client/command/json.h"
#include "client/command/source_json.h"
#include "client/reference.h"
#include "client/reflect.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "tributary/v1/resource.pb.h"

namespace tributary::command {
namespace {

using google::protobuf::DynamicCastToGenerated;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string RefText(const v1::ResourceRef& ref) {
  const auto resource = ExpandedResource(ref);
  const std::string title = resource == nullptr ? "" : TitleOf(*resource);
  return title.empty() ? ref.id() : absl::StrCat(ref.id(), " (", title, ")");
}

std::string MessageText(const Message& message) {
  if (const auto* ref = DynamicCastToGenerated<v1::ResourceRef>(&message)) return RefText(*ref);
  if (const auto* time = DynamicCastToGenerated<google::protobuf::Timestamp>(&message)) {
    return TimeText(*time);
  }
  if (const auto* value = DynamicCastToGenerated<google::protobuf::Value>(&message)) {
    if (value->kind_case() == google::protobuf::Value::kStringValue) return value->string_value();
  }
  return ProtoJson(message, Layout::kOneLine);
}

// The text of a field that a message may have; empty if it has not.
std::string TextNamed(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr || field->is_repeated() ? "" : CellText(message, *field);
}

}  // namespace

std::string CellText(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.has_presence() && !reflection.HasField(message, &field)) return "";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberText(reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return SourceEnumText(*reflection.GetEnum(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageText(reflection.GetMessage(message, &field));
    default:
      return "";
  }
}

std::string ItemText(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberText(reflection.GetRepeatedDouble(message, &field, index));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetRepeatedInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_ENUM:
      return SourceEnumText(*reflection.GetRepeatedEnum(message, &field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageText(reflection.GetRepeatedMessage(message, &field, index));
    default:
      return "";
  }
}

std::string TitleOf(const Message& resource) {
  const Message& fields = GetMessage(resource, "fields");
  if (std::string name = TextNamed(fields, "name"); !name.empty()) return name;
  const std::string first = TextNamed(fields, "first_name");
  const std::string last = TextNamed(fields, "last_name");
  if (first.empty() && last.empty()) return TextNamed(fields, "title");
  return absl::StrCat(first, first.empty() || last.empty() ? "" : " ", last);
}

bool IsTime(const FieldDescriptor& field) {
  return field.message_type() == google::protobuf::Timestamp::descriptor();
}

bool IsReference(const FieldDescriptor& field) {
  return field.message_type() == v1::ResourceRef::descriptor();
}

}  // namespace tributary::command
