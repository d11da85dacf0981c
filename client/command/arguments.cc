#include "client/command/arguments.h"

#include <algorithm>
#include <cstdint>

#include "absl/flags/marshalling.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/command/exit_code.h"
#include "client/command/suggest.h"

namespace tributary::command {
namespace {

const Flag* FindFlag(const std::vector<Flag>& flags, std::string_view name) {
  const auto found = std::find_if(flags.begin(), flags.end(),
                                  [name](const Flag& flag) { return flag.name == name; });
  return found == flags.end() ? nullptr : &*found;
}

const Flag* FindLetter(const std::vector<Flag>& flags, char letter) {
  const auto found = std::find_if(flags.begin(), flags.end(), [letter](const Flag& flag) {
    return flag.letter != 0 && flag.letter == letter;
  });
  return found == flags.end() ? nullptr : &*found;
}

absl::Status UnknownFlag(const std::string& written, std::string_view name,
                         const std::vector<Flag>& flags) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) names.push_back(flag.name);
  const std::string nearest = Nearest(name, names);
  return UsageError(
      absl::StrCat("unknown flag ", written,
                   nearest.empty() ? "" : absl::StrCat(" (did you mean --", nearest, "?)")));
}

// "--page-size=5" -> {"page_size", "5"}
std::pair<std::string, std::optional<std::string>> SplitFlag(const std::string& argument) {
  const size_t equals = argument.find('=');
  std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
  std::replace(name.begin(), name.end(), '-', '_');
  if (equals == std::string::npos) return {std::move(name), std::nullopt};
  return {std::move(name), argument.substr(equals + 1)};
}

template <typename T>
constexpr char kWanted[] = "a number";
template <>
constexpr char kWanted<absl::Duration>[] = "a duration such as 500ms, 10s or 5m";
template <>
constexpr char kWanted<bool>[] = "true or false";

}  // namespace

std::string VariableOf(const Flag& flag) {
  return absl::StrCat("TRIBUTARY_", absl::AsciiStrToUpper(flag.name));
}

absl::StatusOr<Arguments> Arguments::Parse(const std::vector<std::string>& line,
                                           const std::vector<Flag>& flags,
                                           const Environment& environment) {
  Arguments arguments;
  for (const Flag& flag : flags) {
    std::optional<std::string> value;
    if (flag.from_environment) value = environment(VariableOf(flag));
    arguments.defaults_[flag.name] = value.has_value() && !value->empty() ? *value : flag.fallback;
  }
  for (size_t i = 0; i < line.size(); ++i) {
    const std::string& argument = line[i];
    if (argument == "--") {
      arguments.words_.insert(arguments.words_.end(), line.begin() + static_cast<long>(i) + 1,
                              line.end());
      break;
    }
    const bool is_long = absl::StartsWith(argument, "--");
    if (!is_long && (argument.size() < 2 || argument[0] != '-')) {
      arguments.words_.push_back(argument);
      continue;
    }
    const Flag* flag = nullptr;
    std::optional<std::string> value;
    if (is_long) {
      auto [name, given] = SplitFlag(argument);
      flag = FindFlag(flags, name);
      if (flag == nullptr) return UnknownFlag(argument.substr(0, argument.find('=')), name, flags);
      value = std::move(given);
    } else {
      flag = FindLetter(flags, argument[1]);
      if (flag == nullptr) {
        return UsageError(absl::StrCat("unknown flag ", argument,
                                       "; a word that begins with a dash comes after --"));
      }
      if (argument.size() > 2) value = argument.substr(argument[2] == '=' ? 3 : 2);
    }
    if (!value.has_value() && flag->value.empty()) value = "true";
    if (!value.has_value()) {
      if (++i == line.size()) return UsageError(absl::StrCat("--", flag->name, " needs a value"));
      value = line[i];
    }
    std::string& given = arguments.given_[flag->name];
    given = flag->repeats && !given.empty() ? absl::StrCat(given, ",", *value) : *std::move(value);
    if (flag->value.empty()) {
      if (auto on = arguments.Value<bool>(flag->name); !on.ok()) return on.status();
    }
  }
  return arguments;
}

absl::Status Arguments::CheckFlags(const std::vector<Flag>& flags, std::string_view verb) const {
  for (const auto& [name, value] : given_) {
    if (FindFlag(flags, name) == nullptr) {
      return UsageError(absl::StrCat("`tributary ", std::string(verb), "` has no flag --", name));
    }
  }
  return absl::OkStatus();
}

std::string Arguments::Text(const std::string& flag) const {
  if (const auto found = given_.find(flag); found != given_.end()) return found->second;
  const auto found = defaults_.find(flag);
  return found == defaults_.end() ? "" : found->second;
}

template <typename T>
absl::StatusOr<T> Arguments::Value(const std::string& flag) const {
  const std::string text = Text(flag);
  T value = {};
  std::string error;
  if (!absl::ParseFlag<T>(text, &value, &error)) {
    return UsageError(absl::StrCat("--", flag, "=", text, ": wants ", kWanted<T>));
  }
  return value;
}

template absl::StatusOr<int> Arguments::Value(const std::string& flag) const;
template absl::StatusOr<int64_t> Arguments::Value(const std::string& flag) const;
template absl::StatusOr<bool> Arguments::Value(const std::string& flag) const;
template absl::StatusOr<absl::Duration> Arguments::Value(const std::string& flag) const;

}  // namespace tributary::command
