#pragma once

#include <algorithm>
#include <optional>

#include "server/store/types.h"

namespace tributary {

// Where a watch stands: what a resume token holds. tests/watch/resume_simulation_test.cc proves
// that it is enough, whatever compaction does between two reads.
struct Position {
  enum class Stage : uint8_t { kSnapshot = 1, kTail = 2 };

  // History passed the revision that a snapshot shows, so it goes over to a newer one: first comes
  // what changed in between of what was sent already.
  struct Move {
    Revision sent = 0;  // what changed up to here was sent
    Revision to = 0;    // then the snapshot shows this one
    bool operator==(const Move&) const = default;
  };

  Stage stage = Stage::kTail;
  // kSnapshot: the one that the snapshot shows. kTail: everything up to it was sent.
  Revision revision = 0;
  std::optional<Key> last = std::nullopt;   // kSnapshot: everything up to this key was sent; none:
                                            // nothing yet
  std::optional<Move> move = std::nullopt;  // kSnapshot
  // kTail: history had passed the position, and goes on without holes behind this revision; before
  // it the client is between two states. A coalesced delta is what leads there.
  Revision consistent_from = 0;

  static Position Snapshot(Revision revision) { return {Stage::kSnapshot, revision}; }
  static Position Tail(Revision revision) { return {Stage::kTail, revision}; }

  // True if who applied everything so far holds one state of the store.
  bool is_consistent() const { return stage == Stage::kTail && revision >= consistent_from; }

  // The newest revision that it names.
  Revision newest() const {
    return std::max({revision, consistent_from, move.has_value() ? move->to : 0});
  }

  bool operator==(const Position&) const = default;
};

}  // namespace tributary
