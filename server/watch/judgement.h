#pragma once

#include <optional>

#include "server/store/types.h"
#include "server/watch/change_type.h"

namespace tributary {

// How a watch with `filter` (null: none) is told of `change`; nullopt: not at all. A `coalesced`
// change is one before which the client may hold anything.
std::optional<Telling> Judge(const Change& change, const ChangeFilter* filter, bool coalesced);

}  // namespace tributary
