#pragma once

#include <optional>
#include <string_view>

#include "tributary/custom/v1/field_definition.pb.h"

namespace tributary {

class JsonValue;

using FieldType = custom::v1::FieldDefinition::Fields::Type;

// The type that a value shows: what a definition that is discovered by it says. None of null and of
// a list without a value: they fit any.
std::optional<FieldType> TypeOf(const JsonValue& value);

// The rule of `declared` that `value` breaks; empty if it breaks none. Numbers and booleans may
// stand in strings, as some connectors write all values.
std::string_view BrokenRule(FieldType declared, const JsonValue& value);

}  // namespace tributary
