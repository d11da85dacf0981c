#include "server/model/scalar_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/model/time_text.h"
#include "server/model/value_encoder.h"

namespace tributary {
namespace {

using Kind = JsonValue::Kind;

ScalarResult Kept() { return {.kept = true, .broken_rule = {}}; }
ScalarResult LeftOut(std::string rule) { return {.kept = false, .broken_rule = std::move(rule)}; }

// Reads `text` as a whole, as a finite number or an integer that `Number` can hold.
template <typename Number>
std::optional<Number> Parse(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(number)) return std::nullopt;
  }
  return number;
}

std::optional<double> ToDouble(const JsonValue& value) {
  switch (value.kind()) {
    case Kind::kInteger:
    case Kind::kUnsigned:
    case Kind::kDouble:
      return value.AsDouble();
    case Kind::kHuge:
      return ExactDouble(value.NumberText());
    case Kind::kString:
      return Parse<double>(value.AsString());
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> ToInteger(const JsonValue& value) {
  if (value.kind() == Kind::kInteger) return value.AsInteger();
  if (value.kind() == Kind::kString) {
    if (const auto integer = Parse<int64_t>(value.AsString()); integer.has_value()) return integer;
  }
  const std::optional<double> number = ToDouble(value);
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!number.has_value() || std::trunc(*number) != *number || *number < -kLimit ||
      *number >= kLimit) {
    return std::nullopt;
  }
  return static_cast<int64_t>(*number);
}

std::string BelowMinimum(const FieldPlan& field, double number) {
  if (!field.minimum.has_value() || number >= *field.minimum) return {};
  return absl::StrCat("must be at least ", DoubleText(*field.minimum));
}

ScalarResult ReadDouble(const FieldPlan& field, const JsonValue& value, std::string& out) {
  const std::optional<double> number = ToDouble(value);
  if (!number.has_value()) {
    return LeftOut(value.kind() == Kind::kHuge ? "must be a number that a double can hold; left out"
                                               : "must be a number; left out");
  }
  AppendDouble(out, *number);
  return {.kept = true, .broken_rule = BelowMinimum(field, *number)};
}

ScalarResult ReadInteger(const FieldPlan& field, const JsonValue& value, std::string& out) {
  const std::optional<int64_t> number = ToInteger(value);
  if (!number.has_value()) return LeftOut("must be an integer; left out");
  if (!field.wide && (*number < std::numeric_limits<int32_t>::min() ||
                      *number > std::numeric_limits<int32_t>::max())) {
    return LeftOut("must be an integer of 32 bits; left out");
  }
  wire::AppendVarint(out, static_cast<uint64_t>(*number));
  return {.kept = true, .broken_rule = BelowMinimum(field, static_cast<double>(*number))};
}

ScalarResult ReadBool(const JsonValue& value, std::string& out) {
  const bool is_string = value.kind() == Kind::kString;
  const bool is_true = value.AsBool() || (is_string && value.AsString() == "true");
  const bool is_false = is_string && value.AsString() == "false";
  if (value.kind() != Kind::kBool && !is_true && !is_false) {
    return LeftOut("must be true or false; left out");
  }
  wire::AppendVarint(out, is_true ? 1 : 0);
  return Kept();
}

ScalarResult ReadEnum(const FieldPlan& field, const JsonValue& value, std::string& out) {
  if (value.kind() == Kind::kString) {
    for (const EnumText& known : field.values) {
      if (!absl::EqualsIgnoreCase(known.text, Absl(value.AsString()))) continue;
      wire::AppendVarint(out, static_cast<uint64_t>(int64_t{known.number}));
      return Kept();
    }
  }
  std::string names;
  for (const EnumText& known : field.values) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", known.text);
  }
  return LeftOut(absl::StrCat("must be one of ", names, "; left out"));
}

ScalarResult ReadTimestamp(const JsonValue& value, std::string& out) {
  const std::optional<Instant> instant =
      value.kind() == Kind::kString ? ParseInstant(value.AsString()) : std::nullopt;
  if (!instant.has_value()) return LeftOut("must be a time as in ISO 8601; left out");
  out += EncodeTimestamp(*instant);
  return Kept();
}

}  // namespace

ScalarResult ReadScalar(const FieldPlan& field, const JsonValue& value, std::string& out) {
  switch (field.kind) {
    case FieldKind::kDouble:
      return ReadDouble(field, value, out);
    case FieldKind::kInteger:
      return ReadInteger(field, value, out);
    case FieldKind::kBool:
      return ReadBool(value, out);
    case FieldKind::kEnum:
      return ReadEnum(field, value, out);
    case FieldKind::kTimestamp:
      return ReadTimestamp(value, out);
    default:
      return LeftOut("is not a scalar; left out");
  }
}

size_t Utf16Length(std::string_view text) {
  size_t length = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) ++length;
    if (byte >= 0xF0) ++length;  // beyond U+FFFF: a surrogate pair
  }
  return length;
}

bool LooksLikeEmail(std::string_view text) {
  const size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || text.find('@', at + 1) != std::string_view::npos) {
    return false;
  }
  const std::string_view domain = text.substr(at + 1);
  const size_t dot = domain.find('.');
  return dot != std::string_view::npos && dot != 0 && domain.back() != '.' &&
         domain.find("..") == std::string_view::npos &&
         std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte <= ' ' || byte == 0x7F;
         });
}

}  // namespace tributary
