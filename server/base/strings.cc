#include "server/base/strings.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace tributary {
namespace {

// Length of the well-formed sequence at the start of `text`, 0 if there is none; `code` is its
// value.
size_t DecodeUtf8(std::string_view text, char32_t& code) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  code = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return overlong || surrogate || code > 0x10FFFF ? 0 : length;
}

bool IsControl(char32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

template <typename Accept>
bool EveryCode(std::string_view text, Accept accept) {
  while (!text.empty()) {
    char32_t code = 0;
    const size_t length = DecodeUtf8(text, code);
    if (length == 0 || !accept(code)) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Without a branch per byte, so that the compiler looks at many at once.
bool IsPrintableAscii(std::string_view text) {
  bool other = false;
  for (const char c : text) other |= c < ' ' || c == 0x7F;  // beyond ASCII c is negative
  return !other;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  return EveryCode(text, [](char32_t) { return true; });
}

bool IsCleanUtf8(std::string_view text) {
  return IsPrintableAscii(text) || EveryCode(text, [](char32_t code) { return !IsControl(code); });
}

std::string_view CutUtf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string Clip(std::string_view text, size_t max_bytes) {
  const std::string_view kept = CutUtf8(text, max_bytes);
  std::string out = "\"";
  for (std::string_view rest = kept; !rest.empty();) {
    char32_t code = 0;
    const size_t length = DecodeUtf8(rest, code);
    if (length == 0) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint8_t>(rest[0]));
    } else if (IsControl(code)) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<uint32_t>(code));
    } else {
      out.append(rest.substr(0, length));
    }
    rest.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
  if (kept.size() < text.size()) out += "...";
  return out;
}

}  // namespace tributary
