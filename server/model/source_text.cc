#include "server/model/source_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/base/strings.h"
#include "server/model/field_plan.h"
#include "server/model/json_body.h"
#include "server/model/time_text.h"
#include "tributary/v1/resource.pb.h"

namespace tributary {
namespace {

using google::protobuf::DynamicCastToGenerated;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;
using google::protobuf::Value;

// Field numbers of the frame.
constexpr int kId = 3;
constexpr int kFields = 4;
constexpr int kCustomFields = 5;
constexpr int kCreatedAt = 6;
constexpr int kUpdatedAt = 7;
constexpr int kWarnings = 8;
constexpr int kRawResource = 9;
constexpr int kRemoteId = 10;

// A map by its keys: Protobuf's own order changes from run to run.
std::map<std::string, const Message*> Sorted(const Message& message, const FieldDescriptor& map) {
  const FieldDescriptor* const key = map.message_type()->FindFieldByNumber(1);
  const FieldDescriptor* const value = map.message_type()->FindFieldByNumber(2);
  const Reflection& reflection = *message.GetReflection();
  std::map<std::string, const Message*> entries;
  for (int i = 0; i < reflection.FieldSize(message, &map); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &map, i);
    entries[entry.GetReflection()->GetString(entry, key)] =
        &entry.GetReflection()->GetMessage(entry, value);
  }
  return entries;
}

// Writes one text, its pieces in their order.
class SourceWriter {
 public:
  std::string Take() { return std::move(out_); }

  void Begin(char bracket) {
    Separate();
    out_ += bracket;
  }
  void End(char bracket) { out_ += bracket; }

  void Key(std::string_view key) {
    Separate();
    AppendQuoted(out_, key);
    out_ += ':';
  }
  void Text(std::string_view text) {
    Separate();
    AppendQuoted(out_, text);
  }
  void Word(std::string_view word) {
    Separate();
    out_ += word;
  }
  void Number(double value);
  void Time(const Timestamp& time);
  void Any(const Value& value);
  void Reference(const v1::ResourceRef& reference, const FieldPlan& field);
  // The members of an object.
  void Members(const MessagePlan& plan, const Message& message);
  void Entries(const Message& message, const FieldDescriptor& map);

 private:
  void Separate() {
    if (out_.empty() || out_.back() == '{' || out_.back() == '[' || out_.back() == ':') return;
    out_ += ',';
  }
  void Member(const FieldPlan& field, const Message& message, const FieldDescriptor& descriptor);
  void Content(const FieldPlan& field, const Message& message, const FieldDescriptor& descriptor,
               int index);
  void Enum(const FieldPlan& field, int number);

  std::string out_;
};

// The decoder reads back the same double: integers that it could take for inexact ones have an
// exponent, and what is no number at all is a text.
void SourceWriter::Number(double value) {
  constexpr double kIntegersMax = 9007199254740992.0;  // 2^53
  if (!std::isfinite(value)) {
    return Text(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }
  if (value == 0) return Word(std::signbit(value) ? "-0.0" : "0");
  std::array<char, 32> text;
  const auto result = std::fabs(value) > kIntegersMax
                          ? std::to_chars(text.data(), text.data() + text.size(), value,
                                          std::chars_format::scientific)
                          : std::to_chars(text.data(), text.data() + text.size(), value);
  Word({text.data(), static_cast<size_t>(result.ptr - text.data())});
}

void SourceWriter::Time(const Timestamp& time) {
  const std::string text = InstantText({time.seconds(), time.nanos()});
  // What is no time is for the decoder to refuse.
  text.empty() ? Word(absl::StrCat(time.seconds())) : Text(text);
}

void SourceWriter::Any(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return Number(value.number_value());
    case Value::kStringValue:
      return Text(value.string_value());
    case Value::kBoolValue:
      return Word(value.bool_value() ? "true" : "false");
    case Value::kStructValue: {
      Begin('{');
      const auto& fields = *value.struct_value().GetDescriptor()->FindFieldByNumber(1);
      Entries(value.struct_value(), fields);
      return End('}');
    }
    case Value::kListValue:
      Begin('[');
      for (const Value& item : value.list_value().values()) Any(item);
      return End(']');
    default:
      return Word("null");
  }
}

void SourceWriter::Entries(const Message& message, const FieldDescriptor& map) {
  for (const auto& [key, value] : Sorted(message, map)) {
    Key(key);
    Any(*DynamicCastToGenerated<Value>(value));
  }
}

void SourceWriter::Reference(const v1::ResourceRef& reference, const FieldPlan& field) {
  Begin('{');
  if (!reference.model().empty() && reference.model() != field.ref) {
    Key("model");
    Text(reference.model());
  }
  Key("id");
  Text(reference.id());
  if (!reference.remote_id().empty()) {
    Key("remote");
    Begin('{');
    Key("id");
    Text(reference.remote_id());
    End('}');
  }
  End('}');
}

void SourceWriter::Enum(const FieldPlan& field, int number) {
  for (const EnumText& known : field.values) {
    if (known.number == number) return Text(known.text);
  }
  // Of a newer version: its number says more than nothing does, and the decoder tells of it.
  Text(absl::StrCat(number));
}

void SourceWriter::Content(const FieldPlan& field, const Message& message,
                           const FieldDescriptor& descriptor, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool one = !field.repeated;
  const auto inner = [&]() -> const Message& {
    return one ? reflection.GetMessage(message, &descriptor)
               : reflection.GetRepeatedMessage(message, &descriptor, index);
  };
  switch (field.kind) {
    case FieldKind::kString: {
      std::string scratch;
      return Text(
          one ? reflection.GetStringReference(message, &descriptor, &scratch)
              : reflection.GetRepeatedStringReference(message, &descriptor, index, &scratch));
    }
    case FieldKind::kDouble:
      return Number(one ? reflection.GetDouble(message, &descriptor)
                        : reflection.GetRepeatedDouble(message, &descriptor, index));
    case FieldKind::kInteger:
      if (field.wide) {
        return Word(absl::StrCat(one ? reflection.GetInt64(message, &descriptor)
                                     : reflection.GetRepeatedInt64(message, &descriptor, index)));
      }
      return Word(absl::StrCat(one ? reflection.GetInt32(message, &descriptor)
                                   : reflection.GetRepeatedInt32(message, &descriptor, index)));
    case FieldKind::kBool: {
      const bool value = one ? reflection.GetBool(message, &descriptor)
                             : reflection.GetRepeatedBool(message, &descriptor, index);
      return Word(value ? "true" : "false");
    }
    case FieldKind::kEnum:
      return Enum(field, one ? reflection.GetEnumValue(message, &descriptor)
                             : reflection.GetRepeatedEnumValue(message, &descriptor, index));
    case FieldKind::kTimestamp:
      return Time(*DynamicCastToGenerated<Timestamp>(&inner()));
    case FieldKind::kReference:
      return Reference(*DynamicCastToGenerated<v1::ResourceRef>(&inner()), field);
    case FieldKind::kMessage:
      Begin('{');
      Members(*field.message, inner());
      return End('}');
    case FieldKind::kValueMap:
      Begin('{');
      Entries(message, descriptor);
      return End('}');
  }
}

// A list that the source always sends is there even when it is empty, which Protobuf does not tell
// from absent.
void SourceWriter::Member(const FieldPlan& field, const Message& message,
                          const FieldDescriptor& descriptor) {
  const Reflection& reflection = *message.GetReflection();
  if (descriptor.is_repeated()) {
    const int size = reflection.FieldSize(message, &descriptor);
    if (size == 0 && !field.required) return;
    Key(field.key);
    if (!field.repeated) return Content(field, message, descriptor, 0);  // a map
    Begin('[');
    for (int i = 0; i < size; ++i) Content(field, message, descriptor, i);
    return End(']');
  }
  if (!reflection.HasField(message, &descriptor)) return;
  if (field.kind == FieldKind::kEnum && reflection.GetEnumValue(message, &descriptor) == 0) return;
  Key(field.key);
  Content(field, message, descriptor, 0);
}

void SourceWriter::Members(const MessagePlan& plan, const Message& message) {
  for (const FieldPlan& field : plan.fields()) {
    Member(field, message,
           *message.GetDescriptor()->FindFieldByNumber(static_cast<int>(field.number)));
  }
}

// The frame of a resource, by its numbers.
class Frame {
 public:
  explicit Frame(const Message& resource)
      : resource_(resource), reflection_(*resource.GetReflection()) {}

  const FieldDescriptor& Field(int number) const {
    return *resource_.GetDescriptor()->FindFieldByNumber(number);
  }
  std::string Text(int number) const { return reflection_.GetString(resource_, &Field(number)); }
  bool Has(int number) const { return reflection_.HasField(resource_, &Field(number)); }
  const Message& Inner(int number) const {
    return reflection_.GetMessage(resource_, &Field(number));
  }
  int Size(int number) const { return reflection_.FieldSize(resource_, &Field(number)); }
  const Message& Item(int number, int index) const {
    return reflection_.GetRepeatedMessage(resource_, &Field(number), index);
  }

 private:
  const Message& resource_;
  const Reflection& reflection_;
};

// What was found before comes along, by whoever it was found: what was left out then is not here to
// be found again.
void WriteWarnings(const Frame& frame, SourceWriter& out) {
  if (frame.Size(kWarnings) == 0) return;
  out.Key("warnings");
  out.Begin('[');
  for (int i = 0; i < frame.Size(kWarnings); ++i) {
    const auto& warning = *DynamicCastToGenerated<v1::Warning>(&frame.Item(kWarnings, i));
    out.Begin('{');
    const auto text = [&](std::string_view key, const std::string& value) {
      if (value.empty()) return;
      out.Key(key);
      out.Text(value);
    };
    text("code", warning.code());
    text("message", warning.message());
    text("field", warning.field());
    text("value", warning.value());
    if (warning.origin() == v1::Warning::ORIGIN_TRIBUTARY) {
      text("origin", v1::Warning::Origin_Name(warning.origin()));
    }
    out.End('}');
  }
  out.End(']');
}

void WriteFields(const Model& model, const Message& resource, const Frame& frame,
                 SourceWriter& out) {
  if (!frame.Has(kFields) && frame.Size(kCustomFields) == 0) return;
  out.Key("fields");
  out.Begin('{');
  // Of equal keys the last holds: what was a custom field where this comes from may be a field of
  // the model here.
  out.Entries(resource, frame.Field(kCustomFields));
  if (frame.Has(kFields)) out.Members(model.fields(), frame.Inner(kFields));
  out.End('}');
}

}  // namespace

std::string WebhookText(const Model& model, const Message& resource, std::string_view trigger) {
  const Frame frame(resource);
  SourceWriter out;
  out.Begin('{');
  out.Key("event");
  out.Text(absl::StrCat(model.name(), "::", Absl(trigger)));
  out.Key("data");
  out.Begin('{');
  if (const std::string id = frame.Text(kId); !id.empty()) {
    out.Key("id");
    out.Text(id);
  }
  WriteFields(model, resource, frame, out);
  for (const auto& [number, key] :
       {std::pair{kCreatedAt, "createdAt"}, std::pair{kUpdatedAt, "updatedAt"}}) {
    if (!frame.Has(number)) continue;
    out.Key(key);
    out.Time(*DynamicCastToGenerated<Timestamp>(&frame.Inner(number)));
  }
  WriteWarnings(frame, out);
  if (frame.Has(kRawResource)) {
    out.Key("rawResource");
    out.Any(*DynamicCastToGenerated<Value>(&frame.Inner(kRawResource)));
  }
  if (const std::string remote_id = frame.Text(kRemoteId); !remote_id.empty()) {
    out.Key("remote");
    out.Begin('{');
    out.Key("id");
    out.Text(remote_id);
    out.End('}');
  }
  out.End('}');
  out.End('}');
  return out.Take();
}

}  // namespace tributary
