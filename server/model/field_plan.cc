#include "server/model/field_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

absl::Status Unfit(const FieldDescriptor* field, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(field->file()->name(), ": ", field->full_name(), " ", Absl(why)));
}

// CamelCase to UPPER_SNAKE_CASE.
std::string UpperSnake(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isupper(byte) && !out.empty()) out += '_';
    out += static_cast<char>(absl::ascii_toupper(byte));
  }
  return out;
}

// UPPER_SNAKE_CASE to lowerCamelCase.
std::string LowerCamel(std::string_view name) {
  std::string out;
  bool upper = false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '_') {
      upper = true;
    } else {
      out += static_cast<char>(std::exchange(upper, false) ? byte : absl::ascii_tolower(byte));
    }
  }
  return out;
}

absl::Status CompileEnum(const FieldDescriptor* field, FieldPlan& plan) {
  const EnumDescriptor* type = field->enum_type();
  const std::string prefix = UpperSnake(type->name()) + "_";
  for (int i = 0; i < type->value_count(); ++i) {
    const std::string& name = type->value(i)->name();
    if (!name.starts_with(prefix)) {
      return Unfit(field, absl::StrCat("has the value ", name, ", which must begin with ", prefix));
    }
    if (type->value(i)->number() == 0) continue;
    plan.values.push_back(
        {LowerCamel(std::string_view(name).substr(prefix.size())), type->value(i)->number()});
  }
  return absl::OkStatus();
}

bool IsValueMap(const FieldDescriptor* field) {
  const Descriptor* entry = field->message_type();
  return entry->FindFieldByNumber(1)->type() == FieldDescriptor::TYPE_STRING &&
         entry->FindFieldByNumber(2)->type() == FieldDescriptor::TYPE_MESSAGE &&
         entry->FindFieldByNumber(2)->message_type()->full_name() == "google.protobuf.Value";
}

absl::Status CheckRule(const FieldDescriptor* field, const FieldPlan& plan) {
  const bool text = plan.kind == FieldKind::kString;
  const bool number = plan.kind == FieldKind::kDouble || plan.kind == FieldKind::kInteger;
  if (!text &&
      (plan.min_length != 0 || plan.max_length != 0 || plan.email || plan.empty_is_absent)) {
    return Unfit(field, "has a rule that only a string can have");
  }
  if (plan.max_length != 0 && plan.min_length > plan.max_length) {
    return Unfit(field, "has a min_length above its max_length");
  }
  if (!number && plan.minimum.has_value()) {
    return Unfit(field, "has a rule that only a number can have");
  }
  if ((plan.kind == FieldKind::kReference) != !plan.ref.empty()) {
    return Unfit(field, "must have the rule `ref` if and only if it is a ResourceRef");
  }
  return absl::OkStatus();
}

absl::Status ApplyRule(const FieldDescriptor* field, FieldPlan& plan) {
  const v1::FieldRule& rule = field->options().GetExtension(v1::field);
  plan.key = rule.source_name().empty() ? field->json_name() : rule.source_name();
  plan.required = rule.required();
  plan.empty_is_absent = rule.empty_is_absent();
  plan.email = rule.format() == v1::FORMAT_EMAIL;
  plan.min_length = rule.min_length();
  plan.max_length = rule.max_length();
  if (rule.has_minimum()) plan.minimum = rule.minimum();
  plan.indexed = rule.indexed();
  plan.ref = rule.ref();
  return CheckRule(field, plan);
}

}  // namespace

absl::Status MessagePlan::CompileMessageField(const FieldDescriptor* field, Path& path,
                                              FieldPlan& plan) {
  const Descriptor* type = field->message_type();
  if (field->is_map()) {
    if (!IsValueMap(field)) return Unfit(field, "must map string to google.protobuf.Value");
    plan.kind = FieldKind::kValueMap;
    plan.repeated = false;
  } else if (type->full_name() == "google.protobuf.Timestamp") {
    plan.kind = FieldKind::kTimestamp;
  } else if (type->full_name() == "tributary.v1.ResourceRef") {
    plan.kind = FieldKind::kReference;
  } else if (type->full_name().starts_with("google.protobuf.")) {
    return Unfit(field, "has a type that the source's JSON is not read into");
  } else {
    plan.kind = FieldKind::kMessage;
    TRIBUTARY_ASSIGN_OR_RETURN(plan.message, Compile(type, path));
  }
  return absl::OkStatus();
}

absl::Status MessagePlan::CompileField(const FieldDescriptor* field, Path& path, FieldPlan& plan) {
  plan.name = field->name();
  plan.number = static_cast<uint32_t>(field->number());
  plan.repeated = field->is_repeated();
  switch (field->type()) {
    case FieldDescriptor::TYPE_STRING:
      plan.kind = FieldKind::kString;
      break;
    case FieldDescriptor::TYPE_DOUBLE:
      plan.kind = FieldKind::kDouble;
      break;
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_INT64:
      plan.kind = FieldKind::kInteger;
      plan.wide = field->type() == FieldDescriptor::TYPE_INT64;
      break;
    case FieldDescriptor::TYPE_BOOL:
      plan.kind = FieldKind::kBool;
      break;
    case FieldDescriptor::TYPE_ENUM:
      plan.kind = FieldKind::kEnum;
      TRIBUTARY_RETURN_IF_ERROR(CompileEnum(field, plan));
      break;
    case FieldDescriptor::TYPE_MESSAGE:
      TRIBUTARY_RETURN_IF_ERROR(CompileMessageField(field, path, plan));
      break;
    default:
      return Unfit(field, "has a type that the source's JSON is not read into");
  }
  const bool scalar = field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
  if (scalar && !plan.repeated && !field->has_presence()) {
    return Unfit(field, "must be `optional`: absent, empty and zero are three things");
  }
  return ApplyRule(field, plan);
}

absl::StatusOr<std::unique_ptr<const MessagePlan>> MessagePlan::Compile(const Descriptor* message,
                                                                        Path& path) {
  if (std::find(path.begin(), path.end(), message) != path.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        message->file()->name(), ": ", message->full_name(), " must not contain itself"));
  }
  path.push_back(message);
  auto plan = std::unique_ptr<MessagePlan>(new MessagePlan());
  for (int i = 0; i < message->field_count(); ++i) {
    FieldPlan field;
    TRIBUTARY_RETURN_IF_ERROR(CompileField(message->field(i), path, field));
    if (plan->IndexOf(field.key) >= 0) {
      return Unfit(message->field(i),
                   absl::StrCat("has the source key of another field: ", field.key));
    }
    plan->fields_.push_back(std::move(field));
  }
  std::sort(plan->fields_.begin(), plan->fields_.end(),
            [](const FieldPlan& a, const FieldPlan& b) { return a.number < b.number; });
  path.pop_back();
  return plan;
}

absl::StatusOr<std::unique_ptr<const MessagePlan>> MessagePlan::Compile(const Descriptor* message) {
  Path path;
  return Compile(message, path);
}

int MessagePlan::IndexOf(std::string_view key) const {
  // A model has some ten keys, which differ in length or in their first letters: nothing is faster.
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].key == key) return static_cast<int>(i);
  }
  return -1;
}

const FieldPlan* MessagePlan::FindNumber(uint32_t number) const {
  for (const FieldPlan& field : fields_) {
    if (field.number == number) return &field;
  }
  return nullptr;
}

}  // namespace tributary
