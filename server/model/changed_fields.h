#pragma once

#include <string>

#include "server/model/model.h"
#include "server/store/types.h"

namespace tributary {

// The paths in which two states of one resource of `model` differ, encoded as field 5
// (changed_fields) of a change message: frame fields by name, `fields.<name>` one level deep,
// `custom_fields.<key>`, with a key that is not [A-Za-z_][A-Za-z0-9_]* in backquotes (a backquote
// in it doubled). In the order of field numbers, custom keys bytewise; `revision` is never named.
std::string ChangedFields(const Model& model, const Record& before, const Record& after);

}  // namespace tributary
