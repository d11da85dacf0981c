#include "server/fields/value_type.h"

#include <cstdlib>
#include <string>

#include "server/base/strings.h"
#include "server/model/json_body.h"
#include "server/model/time_text.h"

namespace tributary {
namespace {

using Fields = custom::v1::FieldDefinition::Fields;
using Kind = JsonValue::Kind;

// Years are written out: a number of eight digits is no date here.
bool IsDate(std::string_view text) {
  return text.size() >= 10 && text[4] == '-' && ParseInstant(text).has_value();
}

bool IsNumberText(std::string_view text) {
  if (text.empty() || text.find_first_not_of("+-.0123456789eE") != std::string_view::npos) {
    return false;
  }
  const std::string copy(text);
  char* end = nullptr;
  std::strtod(copy.c_str(), &end);
  return end == copy.c_str() + copy.size();
}

// Of a list, by its first value.
std::optional<FieldType> TypeOfList(const JsonValue& list) {
  std::optional<FieldType> type;
  list.ForEachItem([&](const JsonValue& item) {
    if (type.has_value() || item.IsNull()) return;
    type = item.kind() == Kind::kString ? Fields::TYPE_LIST_TEXT : Fields::TYPE_OBJECT;
  });
  return type;
}

bool IsListOfStrings(const JsonValue& value) {
  bool fits = value.kind() == Kind::kArray;
  value.ForEachItem([&](const JsonValue& item) {
    fits = fits && (item.IsNull() || item.kind() == Kind::kString);
  });
  return fits;
}

// An empty text is how some connectors write that nothing was chosen.
bool IsAmong(const FieldOptions* options, std::string_view text) {
  return options == nullptr || text.empty() || options->contains(Absl(text));
}

constexpr std::string_view kNoOption = "is none of the options of its definition";

std::string_view BrokenRuleOfSelect(const FieldOptions* options, const JsonValue& value) {
  if (value.IsNumber()) return IsAmong(options, value.NumberText()) ? "" : kNoOption;
  if (value.kind() != Kind::kString) return "is defined as a text";
  return IsAmong(options, value.AsString()) ? "" : kNoOption;
}

std::string_view BrokenRuleOfSelects(const FieldOptions* options, const JsonValue& value) {
  if (!IsListOfStrings(value)) return "is defined as a list of texts";
  bool among = true;
  value.ForEachItem([&](const JsonValue& item) {
    among = among && (item.IsNull() || IsAmong(options, item.AsString()));
  });
  return among ? "" : "holds what is none of the options of its definition";
}

bool IsBooleanText(std::string_view text) { return text == "true" || text == "false"; }

}  // namespace

std::optional<FieldType> TypeOf(const JsonValue& value) {
  switch (value.kind()) {
    case Kind::kNull:
      return std::nullopt;
    case Kind::kBool:
      return Fields::TYPE_BOOLEAN;
    case Kind::kString:
      return IsDate(value.AsString()) ? Fields::TYPE_DATETIME : Fields::TYPE_TEXT;
    case Kind::kArray:
      return TypeOfList(value);
    case Kind::kObject:
      return Fields::TYPE_OBJECT;
    default:
      return Fields::TYPE_NUMBER;
  }
}

std::string_view BrokenRule(FieldType declared, const FieldOptions* options,
                            const JsonValue& value) {
  if (value.IsNull()) return {};
  const Kind kind = value.kind();
  const std::string_view text = value.AsString();
  const bool is_text = kind == Kind::kString;
  switch (declared) {
    case Fields::TYPE_SELECT:
      return BrokenRuleOfSelect(options, value);
    case Fields::TYPE_LIST_SELECT:
      return BrokenRuleOfSelects(options, value);
    case Fields::TYPE_TEXT:
      return is_text ? "" : "is defined as a text";
    case Fields::TYPE_NUMBER:
      return value.IsNumber() || (is_text && IsNumberText(text)) ? "" : "is defined as a number";
    case Fields::TYPE_BOOLEAN:
      return kind == Kind::kBool || (is_text && IsBooleanText(text))
                 ? ""
                 : "is defined as true or false";
    case Fields::TYPE_DATETIME:
      return is_text && IsDate(text) ? "" : "is defined as a date or a time";
    case Fields::TYPE_LIST_TEXT:
      return IsListOfStrings(value) ? "" : "is defined as a list of texts";
    case Fields::TYPE_OBJECT:
      return kind == Kind::kObject || kind == Kind::kArray ? "" : "is defined as an object";
    default:
      return {};
  }
}

}  // namespace tributary
