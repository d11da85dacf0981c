#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// What a filter says, before anything is known of the fields that it names.
namespace tributary::filter {

// Bounds of one filter. A term is one bit of a word when it is evaluated.
inline constexpr size_t kBytesMax = 4096;
inline constexpr size_t kTermsMax = 64;  // each value of a list counts as one
inline constexpr int kDepthMax = 32;     // of brackets and NOTs

// One name of a path.
struct Name {
  std::string text;
  size_t at = 0;  // byte in the filter
};

struct Literal {
  std::vector<std::string> pieces;  // the text, split at each wildcard
  bool quoted = false;
  size_t at = 0;
  std::string token;  // as written

  bool has_wildcard() const { return pieces.size() > 1; }
  bool is_star() const { return !quoted && pieces.size() == 2 && token == "*"; }
};

enum class Comparator : uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kHas };

// A comparison of a field with any of some values, or changed(field), which has no values.
struct Restriction {
  std::vector<Name> path;
  bool changed = false;
  Comparator comparator = Comparator::kEqual;  // `!=` is parsed as NOT and `=`
  size_t comparator_at = 0;
  std::vector<Literal> values;
};

struct Expression {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kTerm };

  Kind kind = Kind::kAnd;
  std::vector<Expression> parts;  // of kAnd (none: true), kOr, and the one of kNot
  uint8_t term = 0;               // of kTerm
};

struct Syntax {
  Expression root;
  std::vector<Restriction> terms;
};

// FILTER_INVALID if `text` is no filter or passes a bound.
absl::StatusOr<Syntax> Parse(std::string_view text);

// The error about what stands at byte `at` of `text`: names the position, `token` and `rule`.
absl::Status Fault(std::string_view text, size_t at, std::string_view token, std::string_view rule);

// " (did you mean A or B?)": the few of `known` that `word` is most likely a slip of, or nothing.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& known);

}  // namespace tributary::filter
