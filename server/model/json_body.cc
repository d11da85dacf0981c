#include "server/model/json_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/strings.h"
#include "server/model/json_syntax.h"

namespace tributary {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kErrorTextBytesMax = 32;
// The size of a text for which a parser keeps its memory, about fourteen times that.
constexpr size_t kKeptCapacity = 64 * 1024;

// Whether what simdjson refused might be something that JavaScript accepts. Its kernels differ in
// the code that they give.
bool MayBeRepaired(simdjson::error_code code) {
  return code == simdjson::STRING_ERROR || code == simdjson::NUMBER_ERROR ||
         code == simdjson::TAPE_ERROR;
}

std::string_view InWords(simdjson::error_code code) {
  switch (code) {
    case simdjson::EMPTY:
      return "it is empty";
    case simdjson::UTF8_ERROR:
      return "it is not UTF-8";
    case simdjson::DEPTH_ERROR:
      return "it nests deeper than 1024 levels";
    case simdjson::STRING_ERROR:
      return "a string holds an invalid escape";
    case simdjson::UNESCAPED_CHARS:
      return "a string holds an unescaped control character";
    case simdjson::UNCLOSED_STRING:
      return "a string is not closed";
    case simdjson::NUMBER_ERROR:
      return "a number is malformed";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
      return "a word is none of true, false and null";
    case simdjson::TAPE_ERROR:
      return "a bracket, comma or colon is missing or out of place";
    default:
      return simdjson::error_message(code);
  }
}

}  // namespace

void AppendQuoted(std::string& out, std::string_view text, size_t max_bytes) {
  out += '"';
  for (const char c : text) {
    if (out.size() > max_bytes) return;
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(byte));
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string DoubleText(double value) {
  if (value == 0) return "0";
  std::array<char, 64> buffer;
  const double size = std::fabs(value);
  const bool fixed = size >= 1e-6 && size < 1e21;
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), result.ptr);
  // JavaScript writes 1e-7 where C++ writes 1e-07.
  const size_t exponent = text.find('e');
  if (exponent != std::string::npos && text[exponent + 2] == '0') text.erase(exponent + 2, 1);
  return text;
}

bool JsonValue::IsNumber() const {
  const Kind own = kind();
  return own == Kind::kInteger || own == Kind::kUnsigned || own == Kind::kDouble ||
         own == Kind::kHuge;
}

bool JsonValue::AsBool() const {
  bool value = false;
  return element_.get(value) == simdjson::SUCCESS && value;
}

int64_t JsonValue::AsInteger() const {
  int64_t value = 0;
  return element_.get(value) == simdjson::SUCCESS ? value : 0;
}

uint64_t JsonValue::AsUnsigned() const {
  uint64_t value = 0;
  return element_.get(value) == simdjson::SUCCESS ? value : 0;
}

double JsonValue::AsDouble() const {
  double value = 0;
  return element_.get(value) == simdjson::SUCCESS ? value : 0;
}

std::string JsonValue::NumberText() const {
  switch (kind()) {
    case Kind::kInteger:
      return absl::StrCat(AsInteger());
    case Kind::kUnsigned:
      return absl::StrCat(AsUnsigned());
    case Kind::kDouble:
      return DoubleText(AsDouble());
    case Kind::kHuge:
      return *body_->HugeNumber(AsString());
    default:
      return {};
  }
}

std::vector<JsonValue::Member> JsonValue::SortedMembers() const {
  std::vector<Member> members;
  ForEachMember([&](std::string_view key, JsonValue value) { members.emplace_back(key, value); });
  const auto by_key = [](const Member& a, const Member& b) { return a.first < b.first; };
  std::stable_sort(members.begin(), members.end(), by_key);
  // Of equal keys the last one holds: they are adjacent now, in the order in which they were sent.
  size_t kept = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    if (i + 1 < members.size() && members[i + 1].first == members[i].first) continue;
    members[kept++] = members[i];
  }
  members.erase(members.begin() + static_cast<std::ptrdiff_t>(kept), members.end());
  return members;
}

std::optional<JsonValue> JsonValue::Find(std::string_view key) const { return FindEach({key})[0]; }

void JsonValue::AppendText(std::string& out, size_t max_bytes) const {
  // Every level writes at least one byte, so the bound on the text bounds the recursion too.
  if (out.size() > max_bytes) return;
  switch (kind()) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kBool:
      out += AsBool() ? "true" : "false";
      return;
    case Kind::kString:
      AppendQuoted(out, AsString(), max_bytes);
      return;
    case Kind::kArray: {
      simdjson::dom::array array;
      if (element_.get(array) != simdjson::SUCCESS) return;
      char before = '[';
      for (const simdjson::dom::element item : array) {
        if (out.size() > max_bytes) return;
        out += std::exchange(before, ',');
        JsonValue(item, body_).AppendText(out, max_bytes);
      }
      out += before == '[' ? "[]" : "]";
      return;
    }
    case Kind::kObject: {
      simdjson::dom::object object;
      if (element_.get(object) != simdjson::SUCCESS) return;
      char before = '{';
      for (const simdjson::dom::key_value_pair member : object) {
        if (out.size() > max_bytes) return;
        out += std::exchange(before, ',');
        AppendQuoted(out, {member.key.data(), member.key.size()}, max_bytes);
        out += ':';
        JsonValue(member.value, body_).AppendText(out, max_bytes);
      }
      out += before == '{' ? "{}" : "}";
      return;
    }
    default:
      out += NumberText();
  }
}

std::string JsonValue::Text(size_t max_bytes) const {
  std::string out;
  AppendText(out, max_bytes);
  return out;
}

bool JsonBody::Parse(std::string& text) {
  repaired_ = {};
  error_ = {};
  text.reserve(text.size() + kSlackBytes);
  const size_t skipped = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  const std::string_view json = std::string_view(text).substr(skipped);
  simdjson::error_code code = parser_.parse(json.data(), json.size(), false).get(root_);
  if (code == simdjson::SUCCESS) return true;
  const std::optional<size_t> fault = FirstSyntaxError(json);
  // Only what is JSON as it stands is repaired: a number in the place of a key must not pass
  // because a string takes its place.
  if (!fault.has_value() && MayBeRepaired(code)) {
    repaired_ = RepairJson(json);
    std::string& fixed = repaired_.text;
    fixed.reserve(fixed.size() + kSlackBytes);
    code = parser_.parse(fixed.data(), fixed.size(), false).get(root_);
    if (code == simdjson::SUCCESS) return true;
  }
  error_.reason = absl::StrCat("the body must be JSON: ", Absl(InWords(code)));
  if (fault.has_value() && code != simdjson::EMPTY) {
    absl::StrAppend(&error_.reason, ", after ", *fault + skipped, " bytes");
    const std::string_view found = CutUtf8(json.substr(*fault), kErrorTextBytesMax);
    if (!found.empty() && IsUtf8(found)) AppendQuoted(error_.found, found, 2 * kErrorTextBytesMax);
  }
  return false;
}

void JsonBody::Trim() {
  if (parser_.capacity() > kKeptCapacity) parser_ = simdjson::dom::parser();
  repaired_ = {};
}

const std::string* JsonBody::FindHugeNumber(std::string_view string) const {
  if (!string.starts_with(repaired_.nonce)) return nullptr;
  string.remove_prefix(repaired_.nonce.size());
  size_t index = 0;
  const char* const end = string.data() + string.size();
  const auto result = std::from_chars(string.data(), end, index);
  const bool ours =
      result.ec == std::errc() && result.ptr == end && index < repaired_.numbers.size();
  return ours ? &repaired_.numbers[index] : nullptr;
}

}  // namespace tributary
