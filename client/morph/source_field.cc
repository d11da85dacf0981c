#include "client/morph/source_field.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary {
inline namespace client {
namespace {

using Fields = custom::v1::FieldDefinition::Fields;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Struct;

bool HasField(const ResourceModel& model, const std::string& key) {
  const Descriptor& fields = *model.message().FindFieldByName("fields")->message_type();
  for (int i = 0; i < fields.field_count(); ++i) {
    const FieldDescriptor& field = *fields.field(i);
    const std::string& source_name = field.options().GetExtension(v1::field).source_name();
    if (key == (source_name.empty() ? field.json_name() : source_name)) return true;
  }
  return false;
}

// "list.text" -> TYPE_LIST_TEXT
Fields::Type TypeOf(const Struct& source) {
  const auto found = source.fields().find("type");
  Fields::Type type = Fields::TYPE_UNSPECIFIED;
  if (found == source.fields().end()) return type;
  const std::string name =
      absl::AsciiStrToUpper(absl::StrReplaceAll(found->second.string_value(), {{".", "_"}}));
  return Fields::Type_Parse(absl::StrCat("TYPE_", name), &type) ? type : Fields::TYPE_UNSPECIFIED;
}

// What the source has under the same name. The others are ours to say.
bool IsSourced(const FieldDescriptor& field) {
  switch (field.number()) {
    case Fields::kModelFieldNumber:
    case Fields::kTypeFieldNumber:
    case Fields::kSourceTypeFieldNumber:
    case Fields::kOriginFieldNumber:
    case Fields::kObservedTypesFieldNumber:
      return false;
    default:
      return true;
  }
}

// One attribute by itself, so that what is wrong with it costs no other.
void ReadAttribute(const std::string& name, const google::protobuf::Value& value, Fields& fields) {
  using google::protobuf::util::JsonStringToMessage;
  Struct alone;
  (*alone.mutable_fields())[name] = value;
  std::string json;
  Fields attribute;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (google::protobuf::util::MessageToJsonString(alone, &json).ok() &&
      JsonStringToMessage(json, &attribute, options).ok()) {
    fields.MergeFrom(attribute);
  }
}

}  // namespace

std::optional<Fields> ReadSourceField(const ResourceModel& model, const std::string& json) {
  Struct source;
  if (!google::protobuf::util::JsonStringToMessage(json, &source).ok()) return std::nullopt;
  Fields fields;
  for (int i = 0; i < Fields::descriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *Fields::descriptor()->field(i);
    const auto found = source.fields().find(field.json_name());
    if (IsSourced(field) && found != source.fields().end()) {
      ReadAttribute(field.json_name(), found->second, fields);
    }
  }
  fields.set_model(model.id());
  fields.set_type(TypeOf(source));
  if (fields.type() == Fields::TYPE_UNSPECIFIED || fields.key().empty() ||
      HasField(model, fields.key())) {
    return std::nullopt;
  }
  // Some sources give a boolean the options true and false.
  if (fields.type() != Fields::TYPE_SELECT && fields.type() != Fields::TYPE_LIST_SELECT) {
    fields.clear_options();
  }
  return fields;
}

}  // namespace client
}  // namespace tributary
