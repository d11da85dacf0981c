#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/model/json_body.h"

namespace tributary {

// Appends the content of a double field.
void AppendDouble(std::string& out, double value);

// Encodes JSON as google.protobuf.Value, deterministically: keys in the order of their bytes, of
// equal keys the last. What a double cannot hold is never changed in silence: an integer becomes a
// string of its digits, a number beyond a double's range is left out; each is counted.
class ValueEncoder {
 public:
  // False if `value` nests deeper than kValueDepthMax, or is a number that has to be left out: then
  // `out` is as it was. For one value only.
  bool Encode(const JsonValue& value, std::string& out);

  bool too_deep() const { return too_deep_; }
  size_t integers_as_text() const { return integers_as_text_; }
  size_t numbers_left_out() const { return numbers_left_out_; }
  // The first of each, as sent.
  const std::string& first_integer_as_text() const { return first_integer_as_text_; }
  const std::string& first_number_left_out() const { return first_number_left_out_; }
  // True if a string or key in it holds U+FFFD.
  bool replacement_characters() const { return replacement_characters_; }

 private:
  bool Append(const JsonValue& value, int depth, std::string& out);
  void AppendText(uint32_t field, std::string_view text, std::string& out);
  void AppendIntegerText(const std::string& digits, std::string& out);
  bool AppendHuge(const JsonValue& value, std::string& out);
  void AppendArray(const JsonValue& value, int depth, std::string& out);
  void AppendObject(const JsonValue& value, int depth, std::string& out);

  bool too_deep_ = false;
  bool replacement_characters_ = false;
  size_t integers_as_text_ = 0;
  size_t numbers_left_out_ = 0;
  std::string first_integer_as_text_;
  std::string first_number_left_out_;
};

// True if `text` holds U+FFFD.
bool HasReplacementCharacter(std::string_view text);

// The double that holds the integer `digits` exactly, if there is one.
std::optional<double> ExactDouble(const std::string& digits);

}  // namespace tributary
