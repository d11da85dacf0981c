#pragma once

#include <cstdint>

namespace tributary {

// What a change did to the set of resources that a watch asks for: tributary.v1.ChangeType, by its
// numbers. Of these kDeleted and kLeft remove, the others put.
enum class ChangeType : uint8_t {
  kExisting = 1,
  kCreated = 2,
  kUpdated = 3,
  kDeleted = 4,
  kEntered = 5,
  kLeft = 6,
};

// How one watch is told of a change.
struct Telling {
  ChangeType type = ChangeType::kUpdated;
  // It stands for several, or repeats what the client may hold already: to be put or removed
  // whatever is held. What was before it is not told.
  bool coalesced = false;

  bool operator==(const Telling&) const = default;
};

}  // namespace tributary
