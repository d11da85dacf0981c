#pragma once

#include "server/store/types.h"

namespace tributary {

// Chooses what a watch is told. Immutable, thread-safe.
class ChangeFilter {
 public:
  virtual ~ChangeFilter() = default;

  // True if it asks what a change did (an event filter), false if it asks what a resource is (a
  // state filter): only of the latter there is a set that resources enter and leave.
  virtual bool is_event() const = 0;

  // Of a state filter, of a record that is not deleted.
  virtual bool Matches(const Record& record) const = 0;

  enum class Truth : uint8_t { kNo, kYes, kMaybe };

  // Of an event filter: whether to tell `change`. kMaybe: it hangs on what was before, which is not
  // known unless `before_known`. Of a state filter: whether it matches the state after `change`.
  virtual Truth MatchesChange(const Change& change, bool before_known) const = 0;
};

}  // namespace tributary
