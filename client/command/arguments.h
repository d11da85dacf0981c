#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tributary::command {

// One flag of a verb.
struct Flag {
  std::string name{};   // "page_size"; people write - and _ alike
  std::string value{};  // what stands for the value in the help, "N"; empty: a switch
  std::string help{};
  std::string fallback{};  // if it is given neither here nor in the environment
  bool from_environment = true;
  char letter = 0;       // of the short form; 0: none
  bool repeats = false;  // given several times its values are joined by commas
};

// The variable of the environment that sets a flag: "TRIBUTARY_PAGE_SIZE" for "page_size".
std::string VariableOf(const Flag& flag);

using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

// A command line, taken apart: words and flags in any order, `--flag value` and `--flag=value`, and
// `--` before words that begin with a dash. Immutable.
class Arguments {
 public:
  // Knows `flags`, the union of those of all verbs, because the verb may come after them. A usage
  // error if a flag is unknown or lacks its value.
  static absl::StatusOr<Arguments> Parse(const std::vector<std::string>& line,
                                         const std::vector<Flag>& flags,
                                         const Environment& environment);

  const std::vector<std::string>& words() const { return words_; }

  // A usage error if a flag was given that is not among `flags`, those of the verb.
  absl::Status CheckFlags(const std::vector<Flag>& flags, std::string_view verb) const;

  // The value: given, of the environment, or the fallback. Empty if there is none of them.
  std::string Text(const std::string& flag) const;
  // Whether a switch is on.
  bool IsOn(const std::string& flag) const { return Value<bool>(flag).value_or(false); }

  // The value as a T (int, int64_t, absl::Duration, bool); a usage error that names the flag
  // otherwise.
  template <typename T>
  absl::StatusOr<T> Value(const std::string& flag) const;

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::string> given_;
  std::map<std::string, std::string> defaults_;
};

}  // namespace tributary::command
