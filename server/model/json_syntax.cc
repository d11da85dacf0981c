#include "server/model/json_syntax.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

// Length of the digits at the start of `text`.
size_t DigitsLength(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && IsDigit(text[length])) ++length;
  return length;
}

// Goes through a text with an automaton and a stack of its own, so that no depth is too great.
class SyntaxScanner {
 public:
  explicit SyntaxScanner(std::string_view json) : json_(json) {}

  std::optional<size_t> Run() {
    while (true) {
      at_ = std::min(json_.find_first_not_of(" \t\r\n", at_), json_.size());
      if (at_ == json_.size()) break;
      if (!Step(json_[at_])) return at_;
    }
    if (next_ == Next::kAfterValue && open_.empty()) return std::nullopt;
    return at_;
  }

 private:
  enum class Next { kValue, kValueOrEnd, kKey, kKeyOrEnd, kColon, kAfterValue };

  bool Step(char c) {
    switch (next_) {
      case Next::kValueOrEnd:
        if (c == ']') return Close();
        return Value(c);
      case Next::kValue:
        return Value(c);
      case Next::kKeyOrEnd:
        if (c == '}') return Close();
        return Key(c);
      case Next::kKey:
        return Key(c);
      case Next::kColon:
        return c == ':' && Take(1, Next::kValue);
      case Next::kAfterValue:
        break;
    }
    if (open_.empty()) return false;
    const bool object = open_.back() == '{';
    if (c == ',') return Take(1, object ? Next::kKey : Next::kValue);
    return c == (object ? '}' : ']') && Close();
  }

  bool Take(size_t length, Next next) {
    at_ += length;
    next_ = next;
    return true;
  }

  bool Open(char bracket, Next next) {
    open_ += bracket;
    return Take(1, next);
  }

  bool Close() {
    open_.pop_back();
    return Take(1, Next::kAfterValue);
  }

  bool Key(char c) { return c == '"' && String() && Take(0, Next::kColon); }

  bool Value(char c) {
    if (c == '{') return Open(c, Next::kKeyOrEnd);
    if (c == '[') return Open(c, Next::kValueOrEnd);
    if (c == '"') return String() && Take(0, Next::kAfterValue);
    if (c == '-' || IsDigit(c)) {
      const size_t length = ScanNumber(json_.substr(at_)).length;
      return length > 0 && Take(length, Next::kAfterValue);
    }
    for (const std::string_view word : {"true", "false", "null"}) {
      if (json_.substr(at_).starts_with(word)) return Take(word.size(), Next::kAfterValue);
    }
    return false;
  }

  bool String() {
    ++at_;
    while (at_ < json_.size()) {
      const char c = json_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      const size_t length = c == '\\' ? EscapeLength() : CharacterLength();
      if (length == 0) return false;
      at_ += length;
    }
    return false;
  }

  size_t EscapeLength() const {
    const std::string_view rest = json_.substr(at_);
    if (rest.size() < 2) return 0;
    if (rest[1] != 'u')
      return std::string_view("\"\\/bfnrt").find(rest[1]) == std::string_view::npos ? 0 : 2;
    if (rest.size() < 6) return 0;
    const std::string_view digits = rest.substr(2, 4);
    return std::all_of(digits.begin(), digits.end(), IsHexDigit) ? 6 : 0;
  }

  size_t CharacterLength() const {
    const auto lead = static_cast<unsigned char>(json_[at_]);
    if (lead < 0x80) return lead < 0x20 ? 0 : 1;
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    return IsUtf8(json_.substr(at_, length)) ? length : 0;
  }

  const std::string_view json_;
  size_t at_ = 0;
  std::string open_;
  Next next_ = Next::kValue;
};

}  // namespace

NumberToken ScanNumber(std::string_view text) {
  NumberToken token;
  size_t at = text.starts_with('-') ? 1 : 0;
  const size_t whole = DigitsLength(text.substr(at));
  if (whole == 0 || (whole > 1 && text[at] == '0')) return {};
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = DigitsLength(text.substr(at + 1));
    if (fraction == 0) return {};
    at += 1 + fraction;
    token.integer = false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    size_t exponent = at + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    const size_t digits = DigitsLength(text.substr(exponent));
    if (digits == 0) return {};
    at = exponent + digits;
    token.integer = false;
  }
  token.length = at;
  return token;
}

std::optional<size_t> FirstSyntaxError(std::string_view json) { return SyntaxScanner(json).Run(); }

}  // namespace tributary
