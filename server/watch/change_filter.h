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

  // Of a state filter: is a resource that holds `state` one of those asked for?
  virtual bool Matches(const Key& key, Revision revision, const std::string& state) const = 0;

  enum class Truth : uint8_t { kNo, kYes, kMaybe };

  // Of an event filter. kMaybe: it hangs on what was before `change`, which is not known unless
  // `before_known`.
  virtual Truth MatchesChange(const Change& change, bool before_known) const = 0;
};

}  // namespace tributary
