#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "tributary/custom/v1/field_definition.pb.h"

namespace tributary {

class JsonValue;

using FieldType = custom::v1::FieldDefinition::Fields::Type;

// The values that a select may take.
using FieldOptions = absl::flat_hash_set<std::string>;

// The type that a value shows: what a definition that is discovered by it says. None of null and of
// a list without a value: they fit any.
std::optional<FieldType> TypeOf(const JsonValue& value);

// The rule of `declared` that `value` breaks; empty if it breaks none. Numbers and booleans may
// stand in strings, as some connectors write all values, and an option in a number, as some write
// its id. `options` are those of a select; null: any, for none were declared.
std::string_view BrokenRule(FieldType declared, const FieldOptions* options,
                            const JsonValue& value);

}  // namespace tributary
