#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/base/wire.h"
#include "server/filter/syntax.h"
#include "server/model/time_text.h"

namespace tributary::filter {

// What a field is to a filter.
enum class FieldType : uint8_t {
  kText,
  kNumber,  // double, int32, int64
  kBool,
  kEnum,
  kInstant,    // google.protobuf.Timestamp
  kReference,  // tributary.v1.ResourceRef, compared by its id
  kValue,      // google.protobuf.Value: what the JSON held
  kMap,        // of Values
  kMessage,    // present or not
};

// A text with wildcards, each of which stands for any text.
struct Pattern {
  std::vector<std::string> pieces;

  // `anywhere`: it is enough that a part of `text` matches.
  bool Matches(std::string_view text, bool anywhere) const;
};

// A value that a field is compared with, as the types of fields read it.
struct Constant {
  Pattern text;
  std::optional<double> number;
  std::optional<bool> truth;
  int64_t integer = 0;  // of an enum
  Instant instant;
};

// Decides on one value of a field, as it stands in an encoded message.
class Predicate {
 public:
  // Any value at all. JSON's null is none.
  static Predicate Presence(FieldType type);

  // FILTER_INVALID if a field of this type cannot be compared like that, or not with that.
  // `in_list`: the field stands in a list, so that `:` asks for an equal element.
  static absl::StatusOr<Predicate> Compile(std::string_view filter, const Restriction& restriction,
                                           FieldType type,
                                           const google::protobuf::FieldDescriptor& field,
                                           bool in_list);

  bool is_presence() const { return presence_; }
  FieldType type() const { return type_; }
  Comparator comparator() const { return comparator_; }
  // A part of a text is enough.
  bool anywhere() const { return anywhere_; }
  const std::vector<Constant>& constants() const { return constants_; }  // any of them

  bool Holds(const wire::Field& field) const;
  bool HoldsText(std::string_view text) const;
  bool HoldsNumber(double number) const;

 private:
  enum class Decoding : uint8_t { kDouble, kVarint };

  bool HoldsOne(const wire::Field& field) const;
  bool HoldsPacked(std::string_view bytes) const;
  bool HoldsInteger(int64_t integer) const;
  bool HoldsInstant(std::string_view bytes) const;
  bool HoldsValue(std::string_view bytes, bool in_list) const;

  FieldType type_ = FieldType::kMessage;
  bool presence_ = false;
  bool anywhere_ = false;  // of a text: a part is enough
  Comparator comparator_ = Comparator::kEqual;
  Decoding decoding_ = Decoding::kVarint;
  std::vector<Constant> constants_;  // any of them
};

}  // namespace tributary::filter
