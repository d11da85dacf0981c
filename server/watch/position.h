#pragma once

#include <optional>

#include "server/store/types.h"

namespace tributary {

// Where a watch stands: what a resume token holds.
struct Position {
  enum class Stage : uint8_t { kSnapshot = 1, kTail = 2 };

  Stage stage = Stage::kTail;
  // kSnapshot: the one that the snapshot shows. kTail: everything up to it was sent.
  Revision revision = 0;
  std::optional<Key> last;  // kSnapshot: everything up to this key was sent; none: nothing yet

  static Position Snapshot(Revision revision) { return {Stage::kSnapshot, revision, std::nullopt}; }
  static Position Tail(Revision revision) { return {Stage::kTail, revision, std::nullopt}; }
};

}  // namespace tributary
