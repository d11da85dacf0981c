#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/model/field_plan.h"
#include "server/model/json_body.h"

namespace tributary {

// What became of a value that was read into a number, a truth value, an enum or a time.
struct ScalarResult {
  bool kept = false;
  // The rule that it broke, with what became of it; empty if it is in order.
  std::string broken_rule;
};

// Appends the content of a field of kind kDouble, kInteger, kBool, kEnum or kTimestamp, without tag
// and length. Numbers and truth values are accepted inside strings, and 30.0 for an integer.
ScalarResult ReadScalar(const FieldPlan& field, const JsonValue& value, std::string& out);

// How many UTF-16 code units `text` takes, as the source counts.
size_t Utf16Length(std::string_view text);

// True if `text` looks like an address: something, one `@`, something with a dot inside, no blanks.
bool LooksLikeEmail(std::string_view text);

}  // namespace tributary
