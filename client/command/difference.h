#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace tributary::command {

// What a change has changed, for a person, on one line:
//
//   name "Deal" → "Big deal", amount unset → 20, stage s1 → s2, contacts -c1 +c3
//
// "?" stands for a state before that the server did not send. `updated_at`, which nearly every
// change moves, is left out beside others. Empty where the change names no fields, as of a resource
// that is new.
std::string DifferenceText(const google::protobuf::Message& change);

}  // namespace tributary::command
