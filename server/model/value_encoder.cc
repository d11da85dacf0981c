#include "server/model/value_encoder.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_format.h"
#include "server/base/limits.h"
#include "server/base/wire.h"
#include "server/model/nested_field.h"

namespace tributary {
namespace {

// Field numbers of google/protobuf/struct.proto.
constexpr uint32_t kNull = 1;
constexpr uint32_t kNumber = 2;
constexpr uint32_t kString = 3;
constexpr uint32_t kBool = 4;
constexpr uint32_t kStruct = 5;
constexpr uint32_t kList = 6;
constexpr uint32_t kEntries = 1;  // Struct.fields, ListValue.values
constexpr uint32_t kEntryKey = 1;
constexpr uint32_t kEntryValue = 2;

void AppendNumber(std::string& out, double value) {
  wire::AppendTag(out, kNumber, wire::Type::kFixed64);
  AppendDouble(out, value);
}

// A oneof field is written also where it is 0.
void AppendVarintField(std::string& out, uint32_t field, uint64_t value) {
  wire::AppendTag(out, field, wire::Type::kVarint);
  wire::AppendVarint(out, value);
}

// Every integer up to here is a double, and no double beyond it stands for one integer alone.
constexpr uint64_t kExactMax = uint64_t{1} << 53;

bool IsExact(uint64_t magnitude) {
  // Beyond 2^53 those with enough zero bits at the end are exact.
  return magnitude <= kExactMax || (magnitude >> std::countr_zero(magnitude)) <= kExactMax;
}

}  // namespace

void AppendDouble(std::string& out, double value) {
  // The wire is little-endian, and so is all we run on.
  const auto bytes = std::bit_cast<std::array<char, sizeof(value)>>(value);
  out.append(bytes.data(), bytes.size());
}

bool HasReplacementCharacter(std::string_view text) {
  return text.find("\xEF\xBF\xBD") != std::string_view::npos;
}

std::optional<double> ExactDouble(const std::string& digits) {
  const double value = std::strtod(digits.c_str(), nullptr);
  if (!std::isfinite(value) || absl::StrFormat("%.0f", value) != digits) return std::nullopt;
  return value;
}

bool ValueEncoder::Encode(const JsonValue& value, std::string& out) {
  const size_t before = out.size();
  if (Append(value, 0, out) && !too_deep_) return true;
  out.resize(before);
  return false;
}

void ValueEncoder::AppendText(uint32_t field, std::string_view text, std::string& out) {
  replacement_characters_ = replacement_characters_ || HasReplacementCharacter(text);
  wire::AppendBytes(out, field, text);
}

void ValueEncoder::AppendIntegerText(const std::string& digits, std::string& out) {
  if (integers_as_text_ == 0) first_integer_as_text_ = digits;
  ++integers_as_text_;
  wire::AppendBytes(out, kString, digits);
}

bool ValueEncoder::AppendHuge(const JsonValue& value, std::string& out) {
  const std::string text = value.NumberText();
  if (text.find_first_of(".eE") == std::string::npos) {
    if (const std::optional<double> exact = ExactDouble(text); exact.has_value()) {
      AppendNumber(out, *exact);
    } else {
      AppendIntegerText(text, out);
    }
    return true;
  }
  if (numbers_left_out_ == 0) first_number_left_out_ = text;
  ++numbers_left_out_;
  return false;
}

void ValueEncoder::AppendArray(const JsonValue& value, int depth, std::string& out) {
  NestedField list(out, kList);
  value.ForEachItem([&](const JsonValue& child) {
    if (too_deep_) return;
    NestedField item(out, kEntries);
    if (Append(child, depth, out)) {
      item.End();
    } else {
      item.Drop();
    }
  });
  list.End();
}

void ValueEncoder::AppendObject(const JsonValue& value, int depth, std::string& out) {
  NestedField fields(out, kStruct);
  for (const auto& [key, child] : value.SortedMembers()) {
    if (too_deep_) break;
    NestedField entry(out, kEntries);
    wire::AppendBytes(out, kEntryKey, key);
    NestedField content(out, kEntryValue);
    if (!Append(child, depth, out)) {
      entry.Drop();
      continue;
    }
    content.End();
    entry.End();
    replacement_characters_ = replacement_characters_ || HasReplacementCharacter(key);
  }
  fields.End();
}

// False if the value is left out, alone or because the whole is too deep.
bool ValueEncoder::Append(const JsonValue& value, int depth, std::string& out) {
  switch (value.kind()) {
    case JsonValue::Kind::kNull:
      AppendVarintField(out, kNull, 0);
      return true;
    case JsonValue::Kind::kBool:
      AppendVarintField(out, kBool, value.AsBool() ? 1 : 0);
      return true;
    case JsonValue::Kind::kInteger: {
      const int64_t number = value.AsInteger();
      const uint64_t magnitude =
          number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
      if (IsExact(magnitude)) {
        AppendNumber(out, static_cast<double>(number));
      } else {
        AppendIntegerText(value.NumberText(), out);
      }
      return true;
    }
    case JsonValue::Kind::kUnsigned:
      if (IsExact(value.AsUnsigned())) {
        AppendNumber(out, static_cast<double>(value.AsUnsigned()));
      } else {
        AppendIntegerText(value.NumberText(), out);
      }
      return true;
    case JsonValue::Kind::kDouble:
      AppendNumber(out, value.AsDouble());
      return true;
    case JsonValue::Kind::kHuge:
      return AppendHuge(value, out);
    case JsonValue::Kind::kString:
      AppendText(kString, value.AsString(), out);
      return true;
    case JsonValue::Kind::kArray:
    case JsonValue::Kind::kObject:
      break;
  }
  if (depth >= limits::kValueDepthMax) {
    too_deep_ = true;
    return false;
  }
  if (value.kind() == JsonValue::Kind::kArray) {
    AppendArray(value, depth + 1, out);
  } else {
    AppendObject(value, depth + 1, out);
  }
  return !too_deep_;
}

}  // namespace tributary
