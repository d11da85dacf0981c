#include "server/fields/definition_rules.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/model/field_plan.h"
#include "server/model/scalar_reader.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::string_view kPrefix = "fields.";

std::string PathOf(std::string_view name) { return absl::StrCat(Absl(kPrefix), Absl(name)); }

void CheckLength(const v1::FieldRule& rule, const std::string& text, const std::string& path,
                 ViolationList& violations) {
  const size_t length = Utf16Length(text);
  if (length < rule.min_length()) {
    violations.push_back(
        {path, absl::StrCat("must have at least ", rule.min_length(), " characters")});
  } else if (rule.max_length() != 0 && length > rule.max_length()) {
    violations.push_back({path, absl::StrCat("has ", length, " characters, at most ",
                                             rule.max_length(), " are allowed")});
  }
}

// What the options of each field say, in messages of the definition's own too.
void CheckRules(const Message& message, const std::string& prefix, ViolationList& violations) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const v1::FieldRule& rule = field.options().GetExtension(v1::field);
    const std::string path = absl::StrCat(prefix, field.name());
    if (field.is_map()) continue;
    if (field.is_repeated()) {
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      for (int item = 0; item < reflection.FieldSize(message, &field); ++item) {
        CheckRules(reflection.GetRepeatedMessage(message, &field, item),
                   absl::StrCat(path, "[", item, "]."), violations);
      }
    } else if (!reflection.HasField(message, &field)) {
      if (rule.required()) violations.push_back({path, "must be set"});
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CheckRules(reflection.GetMessage(message, &field), absl::StrCat(path, "."), violations);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      CheckLength(rule, reflection.GetString(message, &field), path, violations);
    }
  }
}

void CheckField(const DefinitionFields& fields, const ModelRegistry& models,
                ViolationList& violations) {
  const Model* model = models.FindSent(fields.model());
  if (fields.has_model() && model == nullptr) {
    violations.push_back(
        {PathOf("model"), absl::StrCat(Clip(fields.model()), " is no model here")});
  }
  if (!fields.has_key()) return;
  if (!IsDefinable(fields.key())) {
    violations.push_back({PathOf("key"), absl::StrCat("must have 1 to ", limits::kCustomKeyBytesMax,
                                                      " bytes and no control characters")});
  } else if (model != nullptr && model->fields().IndexOf(fields.key()) >= 0) {
    violations.push_back({PathOf("key"), absl::StrCat(Clip(fields.key()), " is a field of ",
                                                      model->name(), " itself")});
  }
}

void CheckOptions(const DefinitionFields& fields, ViolationList& violations) {
  const bool chooses = fields.type() == DefinitionFields::TYPE_SELECT ||
                       fields.type() == DefinitionFields::TYPE_LIST_SELECT;
  if (fields.options_size() > 0 && !chooses) {
    violations.push_back({PathOf("options"), "only a select has options"});
  }
  if (static_cast<size_t>(fields.options_size()) > limits::kFieldOptionsMax) {
    violations.push_back(
        {PathOf("options"), absl::StrCat("has ", fields.options_size(), " options, at most ",
                                         limits::kFieldOptionsMax, " are allowed")});
  }
  std::set<std::string_view> values;
  for (const DefinitionFields::Option& option : fields.options()) {
    if (values.insert(option.value()).second) continue;
    violations.push_back(
        {PathOf("options"), absl::StrCat(Clip(option.value()), " is the value of two options")});
    return;
  }
}

int DepthOf(const google::protobuf::Value& value) {
  int inner = 0;
  if (value.has_list_value()) {
    for (const auto& item : value.list_value().values()) inner = std::max(inner, DepthOf(item));
    return inner + 1;
  }
  if (value.has_struct_value()) {
    for (const auto& [key, item] : value.struct_value().fields()) {
      inner = std::max(inner, DepthOf(item));
    }
    return inner + 1;
  }
  return inner;
}

void CheckSize(const DefinitionFields& fields, ViolationList& violations) {
  for (const auto& [key, value] : fields.remote().metadata()) {
    if (DepthOf(value) <= limits::kValueDepthMax) continue;
    violations.push_back({PathOf("remote.metadata"),
                          absl::StrCat("nests deeper than ", limits::kValueDepthMax, " levels")});
    break;
  }
  if (fields.ByteSizeLong() > limits::kFieldDefinitionBytesMax) {
    violations.push_back(
        {"fields", absl::StrCat("takes ", fields.ByteSizeLong(), " bytes, at most ",
                                limits::kFieldDefinitionBytesMax, " are allowed")});
  }
}

bool IsSettable(const FieldDescriptor& field) {
  switch (field.number()) {
    case DefinitionFields::kModelFieldNumber:
    case DefinitionFields::kKeyFieldNumber:
    case DefinitionFields::kOriginFieldNumber:
    case DefinitionFields::kObservedTypesFieldNumber:
      return false;
    default:
      return true;
  }
}

// The attribute that a path of a mask names; nullptr, and why in `violations`, if it cannot be
// changed.
const FieldDescriptor* FindSettable(const std::string& path, ViolationList& violations) {
  const bool prefixed = path.starts_with(kPrefix);
  const FieldDescriptor* field =
      prefixed ? DefinitionFields::descriptor()->FindFieldByName(path.substr(kPrefix.size()))
               : nullptr;
  if (field == nullptr) {
    violations.push_back({"update_mask", absl::StrCat(Clip(path),
                                                      " must be an attribute, as in "
                                                      "fields.name")});
    return nullptr;
  }
  if (IsSettable(*field)) return field;
  violations.push_back({"update_mask", absl::StrCat(Clip(path), " cannot be changed")});
  return nullptr;
}

void CheckSame(const std::string& sent, const std::string& stands, std::string_view name,
               ViolationList& violations) {
  if (sent.empty() || sent == stands) return;
  violations.push_back({PathOf(name), absl::StrCat("is ", Clip(stands), " and never changes")});
}

}  // namespace

ViolationList CheckDefinition(const DefinitionFields& fields, const ModelRegistry& models) {
  ViolationList violations;
  CheckRules(fields, std::string(kPrefix), violations);
  CheckField(fields, models, violations);
  if (fields.has_type() && (fields.type() == DefinitionFields::TYPE_UNSPECIFIED ||
                            !DefinitionFields::Type_IsValid(fields.type()))) {
    violations.push_back(
        {PathOf("type"), absl::StrCat(static_cast<int>(fields.type()), " is no type of a value")});
  }
  CheckOptions(fields, violations);
  CheckSize(fields, violations);
  return violations;
}

ViolationList CheckSettable(const DefinitionFields& sent) {
  ViolationList violations;
  if (sent.has_origin()) violations.push_back({PathOf("origin"), "must be empty"});
  if (sent.observed_types_size() > 0) {
    violations.push_back({PathOf("observed_types"), "must be empty"});
  }
  return violations;
}

ViolationList MergeDefinition(const DefinitionFields& sent, const google::protobuf::FieldMask& mask,
                              DefinitionFields& into) {
  ViolationList violations = CheckSettable(sent);
  CheckSame(sent.model(), into.model(), "model", violations);
  CheckSame(sent.key(), into.key(), "key", violations);
  std::vector<const FieldDescriptor*> taken;
  if (mask.paths_size() == 0) {
    sent.GetReflection()->ListFields(sent, &taken);
    std::erase_if(taken, [](const FieldDescriptor* field) { return !IsSettable(*field); });
  } else {
    for (const std::string& path : mask.paths()) {
      const FieldDescriptor* field = FindSettable(path, violations);
      // Named twice it would be put back.
      if (field != nullptr && std::find(taken.begin(), taken.end(), field) == taken.end()) {
        taken.push_back(field);
      }
    }
  }
  if (!violations.empty()) return violations;
  DefinitionFields source = sent;
  into.GetReflection()->SwapFields(&into, &source, taken);
  return violations;
}

}  // namespace tributary
