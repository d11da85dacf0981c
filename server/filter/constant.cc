// How the values of a filter are read, and which comparisons a type of field knows.

#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/filter/predicate.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary::filter {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

// "inProgress", "IN_PROGRESS", "in_progress" -> "inprogress"
std::string Folded(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    if (c != '_') folded += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return folded;
}

// The values of an enum by their JSON text.
std::vector<std::string> TextsOf(const EnumDescriptor& type, size_t prefix) {
  std::vector<std::string> texts;
  for (int i = 1; i < type.value_count(); ++i) {
    const std::string name = type.value(i)->name().substr(prefix);
    std::string text;
    for (size_t at = 0; at < name.size(); ++at) {
      if (name[at] == '_') continue;
      const auto c = static_cast<unsigned char>(name[at]);
      text += at > 0 && name[at - 1] == '_' ? static_cast<char>(c) : absl::ascii_tolower(c);
    }
    texts.push_back(text);
  }
  return texts;
}

class Reading {
 public:
  Reading(std::string_view filter, const FieldDescriptor& field) : filter_(filter), field_(field) {}

  absl::StatusOr<Constant> Read(const Literal& literal, FieldType type, Comparator comparator) {
    Constant constant;
    constant.text.pieces = literal.pieces;
    const bool text =
        type == FieldType::kText || type == FieldType::kReference || type == FieldType::kValue;
    const bool order = comparator != Comparator::kEqual && comparator != Comparator::kHas;
    if (literal.has_wildcard() && (!text || order)) {
      return Refuse(literal, text ? "a wildcard has no order; a star itself is \"\\*\""
                                  : "only text has wildcards");
    }
    const std::string& word = literal.pieces.front();
    switch (type) {
      case FieldType::kNumber:
        return Number(literal, word, std::move(constant));
      case FieldType::kBool:
        constant.truth = Bool(word);
        if (!constant.truth.has_value()) return Refuse(literal, "expected true or false");
        constant.integer = *constant.truth ? 1 : 0;
        return constant;
      case FieldType::kEnum:
        return Enum(literal, word, std::move(constant));
      case FieldType::kInstant: {
        const std::optional<Instant> instant = ParseInstant(word);
        if (!instant.has_value()) {
          return Refuse(literal, "expected a time such as 2025-06-01T09:00:00Z, or a date");
        }
        constant.instant = *instant;
        return constant;
      }
      case FieldType::kValue:
        if (!literal.quoted && !literal.has_wildcard()) {
          constant.number = ParseNumber(word);
          constant.truth = Bool(word);
        }
        return constant;
      default:
        return constant;
    }
  }

 private:
  absl::Status Refuse(const Literal& literal, std::string_view rule) const {
    return Fault(filter_, literal.at, literal.token, absl::StrCat(field_.name(), ": ", Absl(rule)));
  }

  static std::optional<bool> Bool(std::string_view word) {
    if (word == "true") return true;
    if (word == "false") return false;
    return std::nullopt;
  }

  static std::optional<double> ParseNumber(std::string_view word) {
    double number = 0;
    const char* end = word.data() + word.size();
    const auto [at, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc() || at != end || !std::isfinite(number)) return std::nullopt;
    return number;
  }

  // Where the field counts a time, also `90s`.
  absl::StatusOr<Constant> Number(const Literal& literal, std::string_view word,
                                  Constant constant) const {
    const v1::Unit unit = field_.options().GetExtension(v1::field).unit();
    const bool timed = unit == v1::UNIT_SECONDS || unit == v1::UNIT_MINUTES;
    const bool seconds = timed && word.ends_with('s');
    if (seconds) word.remove_suffix(1);
    constant.number = ParseNumber(word);
    if (!constant.number.has_value()) {
      return Refuse(literal,
                    timed ? "expected a number, or a duration such as 90s" : "expected a number");
    }
    if (seconds && unit == v1::UNIT_MINUTES) *constant.number /= 60;
    return constant;
  }

  absl::StatusOr<Constant> Enum(const Literal& literal, std::string_view word,
                                Constant constant) const {
    const EnumDescriptor& type = *field_.enum_type();
    const size_t prefix = type.value(0)->name().size() - std::string_view("UNSPECIFIED").size();
    const std::string folded = Folded(word);
    for (int i = 0; i < type.value_count(); ++i) {
      const std::string& name = type.value(i)->name();
      if (folded != Folded(name) && folded != Folded(name.substr(prefix))) continue;
      constant.integer = type.value(i)->number();
      return constant;
    }
    const std::vector<std::string> texts = TextsOf(type, prefix);
    return Refuse(literal, absl::StrCat("no such value", DidYouMean(word, texts), "; there are ",
                                        absl::StrJoin(texts, ", ")));
  }

  const std::string_view filter_;
  const FieldDescriptor& field_;
};

// Why a field of this type cannot be compared like that; empty if it can.
std::string_view Misfit(const Restriction& restriction, FieldType type, bool in_list) {
  const bool has = restriction.comparator == Comparator::kHas;
  const bool order = !has && restriction.comparator != Comparator::kEqual;
  if (in_list && !has) return "is a list, of which only `:` can ask";
  if (type == FieldType::kMessage) return "is a message: name a field of it, or ask for `:*`";
  if (type == FieldType::kMap) return "is a map: name a key of it, or ask for `:*`";
  if (!order) return "";
  if (type == FieldType::kBool || type == FieldType::kEnum || type == FieldType::kReference) {
    return "has no order: only = != and : compare it";
  }
  return restriction.values.size() > 1 ? "an order takes one value" : "";
}

}  // namespace

Predicate Predicate::Presence(FieldType type) {
  Predicate predicate;
  predicate.type_ = type;
  predicate.presence_ = true;
  return predicate;
}

absl::StatusOr<Predicate> Predicate::Compile(std::string_view filter,
                                             const Restriction& restriction, FieldType type,
                                             const FieldDescriptor& field, bool in_list) {
  const std::string_view misfit = Misfit(restriction, type, in_list);
  if (!misfit.empty()) {
    const Name& name = restriction.path.back();
    return Fault(filter, name.at, name.text, misfit);
  }
  Predicate predicate;
  predicate.type_ = type;
  predicate.comparator_ = restriction.comparator;
  predicate.anywhere_ =
      restriction.comparator == Comparator::kHas && type == FieldType::kText && !in_list;
  if (field.type() == FieldDescriptor::TYPE_DOUBLE) predicate.decoding_ = Decoding::kDouble;
  Reading reading(filter, field);
  for (const Literal& literal : restriction.values) {
    TRIBUTARY_ASSIGN_OR_RETURN(Constant constant,
                               reading.Read(literal, type, restriction.comparator));
    predicate.constants_.push_back(std::move(constant));
  }
  return predicate;
}

}  // namespace tributary::filter
