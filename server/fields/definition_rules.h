#pragma once

#include <string>
#include <vector>

#include "google/protobuf/field_mask.pb.h"
#include "server/base/error.h"
#include "server/fields/definition.h"
#include "server/model/model.h"

namespace tributary {

using DefinitionFields = FieldDefinition::Fields;
using ViolationList = std::vector<ErrorDetail::Violation>;

// What a definition that is declared breaks: the rules of its proto options, and those between its
// attributes.
ViolationList CheckDefinition(const DefinitionFields& fields, const ModelRegistry& models);

// What a request sets that is kept here: origin and observed types.
ViolationList CheckSettable(const DefinitionFields& sent);

// Takes the attributes that `mask` names over from `sent`; without paths, those that are present
// there. What cannot be taken is answered.
ViolationList MergeDefinition(const DefinitionFields& sent, const google::protobuf::FieldMask& mask,
                              DefinitionFields& into);

}  // namespace tributary
