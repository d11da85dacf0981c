#include "client/command/json.h"

#include <charconv>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/json_util.h"

namespace tributary::command {

using google::protobuf::Message;

namespace {

// The members by key: a protobuf map has an order that changes from run to run.
std::map<std::string_view, const google::protobuf::Value*> Sorted(
    const google::protobuf::Struct& object) {
  std::map<std::string_view, const google::protobuf::Value*> members;
  for (const auto& [key, member] : object.fields()) members[key] = &member;
  return members;
}

}  // namespace

void JsonWriter::Key(std::string_view key) {
  Separate();
  Quote(key);
  text_ += indented_ ? ": " : ":";
  after_key_ = true;
}

void JsonWriter::String(std::string_view value) {
  Separate();
  Quote(value);
}

void JsonWriter::Number(double value) {
  Separate();
  text_ += NumberText(value);
}

void JsonWriter::Integer(int64_t value) {
  Separate();
  absl::StrAppend(&text_, value);
}

void JsonWriter::Bool(bool value) {
  Separate();
  text_ += value ? "true" : "false";
}

void JsonWriter::Null() {
  Separate();
  text_ += "null";
}

void JsonWriter::Value(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return Number(value.number_value());
    case google::protobuf::Value::kStringValue:
      return String(value.string_value());
    case google::protobuf::Value::kBoolValue:
      return Bool(value.bool_value());
    case google::protobuf::Value::kStructValue:
      BeginObject();
      for (const auto& [key, member] : Sorted(value.struct_value())) {
        Key(key);
        Value(*member);
      }
      return EndObject();
    case google::protobuf::Value::kListValue:
      BeginArray();
      for (const auto& item : value.list_value().values()) Value(item);
      return EndArray();
    default:
      return Null();
  }
}

void JsonWriter::Begin(char bracket) {
  Separate();
  text_ += bracket;
  empty_.push_back(true);
}

void JsonWriter::End(char bracket) {
  const bool empty = empty_.back();
  empty_.pop_back();
  if (!empty) NewLine();
  text_ += bracket;
}

void JsonWriter::Separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (empty_.empty()) return;
  if (!empty_.back()) text_ += ',';
  empty_.back() = false;
  NewLine();
}

void JsonWriter::NewLine() {
  if (!indented_) return;
  text_ += '\n';
  text_.append(2 * empty_.size(), ' ');
}

void JsonWriter::Quote(std::string_view value) {
  text_ += '"';
  for (const char c : value) {
    switch (c) {
      case '"':
        text_ += "\\\"";
        break;
      case '\\':
        text_ += "\\\\";
        break;
      case '\n':
        text_ += "\\n";
        break;
      case '\r':
        text_ += "\\r";
        break;
      case '\t':
        text_ += "\\t";
        break;
      default:
        // DEL is legal JSON, but not for a terminal.
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          absl::StrAppendFormat(&text_, "\\u%04x", static_cast<unsigned>(c));
        } else {
          text_ += c;
        }
    }
  }
  text_ += '"';
}

std::string NumberText(double value) {
  if (!std::isfinite(value)) return "null";
  const double size = std::abs(value);
  const auto format = size == 0 || (size >= 1e-6 && size < 1e21) ? std::chars_format::fixed
                                                                 : std::chars_format::scientific;
  char digits[64];
  const auto result =
      std::to_chars(digits, digits + sizeof(digits), value == 0 ? 0.0 : value, format);
  return {digits, result.ptr};
}

std::string ProtoJson(const Message& message, Layout layout) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = layout == Layout::kIndented;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // Only a message that no JSON can hold, such as one with a date past the year 9999, gets here.
  if (!status.ok()) {
    JsonWriter writer(Layout::kOneLine);
    writer.BeginObject();
    writer.Key("error");
    writer.String(absl::StrCat("not printable as JSON: ", std::string(status.message())));
    writer.EndObject();
    return writer.Take();
  }
  while (!json.empty() && json.back() == '\n') json.pop_back();
  return json;
}

}  // namespace tributary::command
