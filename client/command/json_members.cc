#include "client/command/json_members.h"

#include <string>

namespace tributary::command {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Walks over the tokens of a text.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : rest_(text) { SkipSpace(); }

  bool AtEnd() const { return rest_.empty(); }
  bool Skip(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    Take(1);
    return true;
  }
  std::optional<std::string_view> String() {
    const std::optional<size_t> end = StringEnd(0);
    if (!end.has_value()) return std::nullopt;
    return Take(*end);
  }
  // A value of any kind, as it stands.
  std::optional<std::string_view> Value() {
    size_t at = 0;
    std::string open;  // the brackets that close what is open
    for (; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (c == '"') {
        const std::optional<size_t> end = StringEnd(at);
        if (!end.has_value()) return std::nullopt;
        at = *end - 1;
      } else if (c == '{' || c == '[') {
        open += c == '{' ? '}' : ']';
      } else if (c == '}' || c == ']') {
        if (open.empty()) break;  // of the object around it
        if (open.back() != c) return std::nullopt;
        open.pop_back();
      } else if (open.empty() && (c == ',' || kSpace.find(c) != kSpace.npos)) {
        break;
      }
    }
    if (at == 0 || !open.empty()) return std::nullopt;
    return Take(at);
  }

 private:
  void SkipSpace() {
    const size_t first = rest_.find_first_not_of(kSpace);
    rest_.remove_prefix(first == rest_.npos ? rest_.size() : first);
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    SkipSpace();
    return taken;
  }
  // Behind the string that begins at `at`.
  std::optional<size_t> StringEnd(size_t at) const {
    if (at >= rest_.size() || rest_[at] != '"') return std::nullopt;
    for (size_t i = at + 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '"') {
        return i + 1;
      }
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<JsonMember>> JsonMembers(std::string_view text) {
  Tokens tokens(text);
  std::vector<JsonMember> members;
  if (!tokens.Skip('{')) return std::nullopt;
  for (bool first = true; !tokens.Skip('}'); first = false) {
    if (!first && !tokens.Skip(',')) return std::nullopt;
    const std::optional<std::string_view> key = tokens.String();
    if (!key.has_value() || !tokens.Skip(':')) return std::nullopt;
    const std::optional<std::string_view> value = tokens.Value();
    if (!value.has_value()) return std::nullopt;
    members.emplace_back(key->substr(1, key->size() - 2), *value);
  }
  if (!tokens.AtEnd()) return std::nullopt;
  return members;
}

}  // namespace tributary::command
