#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/fields/value_type.h"
#include "server/store/types.h"

namespace tributary {

using custom::v1::FieldDefinition;

// The id of the definition of a custom field: `model.key`. A model's name has no dot.
std::string DefinitionId(std::string_view model, std::string_view field_key);

// An id taken apart; none if it is no definition's.
struct DefinedField {
  std::string_view model;
  std::string_view key;
};
std::optional<DefinedField> ParseDefinitionId(std::string_view id);

// True of a key that a definition can be of: ids are clean, and not empty.
bool IsDefinable(std::string_view field_key);

// A definition as it is stored: encoded alike wherever it is made.
FieldDefinition ParseDefinition(std::string_view state);
std::string EncodeDefinition(const FieldDefinition& definition);

// A bit for each type, for sets of them.
constexpr uint32_t BitOf(FieldType type) { return uint32_t{1} << static_cast<int>(type); }
uint32_t ObservedTypes(const FieldDefinition& definition);

// Adds the types that `other` has observed.
void AddObservedTypes(const FieldDefinition& other, FieldDefinition& definition);

// What there is to choose from; none of what is no select.
FieldOptions OptionsOf(const FieldDefinition& definition);

// A definition that the first value of its field makes. `key` is that of the definition.
Mutation DiscoveryOf(Key key, FieldType type, int64_t now_us);

// What `record`, a definition, becomes by a value of `type`; none if that is nothing new.
std::optional<Mutation> ObservationOf(const Record& record, FieldType type, int64_t now_us);

}  // namespace tributary
