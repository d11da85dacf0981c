#include "server/model/json_repair.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/model/json_syntax.h"

namespace tributary {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

std::string RandomNonce() {
  std::array<char, 16> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0) return {};
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

// True if simdjson holds the number: an integer within 64 bits, or a finite double.
bool IsRepresentable(std::string_view number, bool integer) {
  const char* const end = number.data() + number.size();
  if (integer) {
    int64_t with_sign = 0;
    uint64_t without = 0;
    return std::from_chars(number.data(), end, with_sign).ec == std::errc() ||
           std::from_chars(number.data(), end, without).ec == std::errc();
  }
  double value = 0;
  if (std::from_chars(number.data(), end, value).ec == std::errc()) return true;
  // Out of range at either end: too small is 0, as it is to simdjson; too large it refuses.
  return std::isfinite(std::strtod(std::string(number).c_str(), nullptr));
}

// The code unit of the escape `\uXXXX` at the start of `text`.
std::optional<uint32_t> CodeUnit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  uint32_t unit = 0;
  const char* const end = text.data() + 6;
  const auto result = std::from_chars(text.data() + 2, end, unit, 16);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return unit;
}

bool IsHigh(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLow(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

class Repair {
 public:
  explicit Repair(std::string_view json) : rest_(json) {
    out_.text.reserve(json.size());
    out_.nonce = RandomNonce();
  }

  RepairedJson Run() {
    if (out_.nonce.empty()) {
      out_.text = rest_;
      return std::move(out_);
    }
    while (!rest_.empty()) {
      const char c = rest_[0];
      if (c == '"') {
        CopyString();
      } else if (c == '-' || IsDigit(c)) {
        CopyNumber();
      } else {
        Copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  void Copy(size_t length) {
    out_.text.append(rest_.substr(0, length));
    rest_.remove_prefix(length);
  }

  void CopyString() {
    Copy(1);
    while (!rest_.empty() && rest_[0] != '"') {
      if (rest_[0] != '\\') {
        Copy(std::min(rest_.find_first_of("\"\\"), rest_.size()));
      } else {
        CopyEscape();
      }
    }
    Copy(std::min<size_t>(1, rest_.size()));
  }

  void CopyEscape() {
    const std::optional<uint32_t> unit = CodeUnit(rest_);
    if (!unit.has_value()) {
      Copy(std::min<size_t>(2, rest_.size()));
      return;
    }
    if (!IsHigh(*unit) && !IsLow(*unit)) {
      Copy(6);
      return;
    }
    const std::optional<uint32_t> next =
        rest_.size() >= 12 ? CodeUnit(rest_.substr(6)) : std::nullopt;
    if (IsHigh(*unit) && next.has_value() && IsLow(*next)) {
      Copy(12);
      return;
    }
    out_.text += "\\ufffd";
    rest_.remove_prefix(6);
    out_.lone_surrogates = true;
  }

  void CopyNumber() {
    const NumberToken token = ScanNumber(rest_);
    const std::string_view number = rest_.substr(0, token.length);
    if (number.empty() || IsRepresentable(number, token.integer)) {
      Copy(std::max<size_t>(1, token.length));
      return;
    }
    absl::StrAppend(&out_.text, "\"", out_.nonce, out_.numbers.size(), "\"");
    out_.numbers.emplace_back(number);
    rest_.remove_prefix(token.length);
  }

  std::string_view rest_;
  RepairedJson out_;
};

}  // namespace

RepairedJson RepairJson(std::string_view json) { return Repair(json).Run(); }

}  // namespace tributary
