#pragma once

#include <optional>
#include <string>

#include "client/model.h"
#include "tributary/custom/v1/field_definition.pb.h"

namespace tributary {
inline namespace client {

// What the source says of one field of `model`, as a definition to declare. Nothing if it is no
// field to declare: one that the model has itself, or of a type that has no name here and is left
// to be discovered. An attribute that is not what it should be is left out.
std::optional<custom::v1::FieldDefinition::Fields> ReadSourceField(const ResourceModel& model,
                                                                   const std::string& json);

}  // namespace client
}  // namespace tributary
