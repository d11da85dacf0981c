#include "server/watch/judgement.h"

namespace tributary {
namespace {

// A tombstone over a tombstone. It reaches nobody, but may be all that is left of a deletion.
bool RepeatsDeletion(const Change& change) {
  return change.kind == ChangeKind::kHidden && change.prev != 0;
}

std::optional<Telling> ByKind(const Change& change, bool coalesced) {
  switch (change.kind) {
    case ChangeKind::kCreated:
      return Telling{ChangeType::kCreated, coalesced};
    case ChangeKind::kUpdated:
      return Telling{ChangeType::kUpdated, coalesced};
    case ChangeKind::kDeleted:
      return Telling{ChangeType::kDeleted, coalesced};
    case ChangeKind::kHidden:
      break;
  }
  if (coalesced && RepeatsDeletion(change)) return Telling{ChangeType::kDeleted, true};
  return std::nullopt;
}

bool Exists(const Change& change) { return !IsTombstone(change.kind); }

bool MatchesAfter(const Change& change, const ChangeFilter& filter) {
  return filter.MatchesChange(change, true) == ChangeFilter::Truth::kYes;
}

// What the client holds is not known, so every change is told: as a put, or as a remove.
std::optional<Telling> Coalesced(const Change& change, const ChangeFilter& filter) {
  if (!Exists(change)) return ByKind(change, true);
  const bool after = MatchesAfter(change, filter);
  return Telling{after ? ChangeType::kEntered : ChangeType::kLeft, true};
}

std::optional<Telling> ByState(const Change& change, const ChangeFilter& filter) {
  const bool after = Exists(change) && MatchesAfter(change, filter);
  const bool before = change.before != nullptr && filter.Matches(*change.before);
  if (!before && !after) return std::nullopt;
  if (before && after) return Telling{ChangeType::kUpdated, false};
  if (after) {
    return Telling{change.before == nullptr ? ChangeType::kCreated : ChangeType::kEntered, false};
  }
  return Telling{Exists(change) ? ChangeType::kLeft : ChangeType::kDeleted, false};
}

std::optional<Telling> ByEvent(const Change& change, const ChangeFilter& filter, bool before_known,
                               bool coalesced) {
  if (change.kind == ChangeKind::kHidden) return std::nullopt;
  const ChangeFilter::Truth truth = filter.MatchesChange(change, before_known);
  if (truth == ChangeFilter::Truth::kNo) return std::nullopt;
  return ByKind(change, coalesced || truth == ChangeFilter::Truth::kMaybe);
}

}  // namespace

std::optional<Telling> Judge(const Change& change, const ChangeFilter* filter, bool coalesced) {
  if (filter == nullptr) return ByKind(change, coalesced);
  const bool replaces = change.kind == ChangeKind::kUpdated || change.kind == ChangeKind::kDeleted;
  const bool before_known = !replaces || change.before != nullptr;
  if (filter->is_event()) return ByEvent(change, *filter, before_known, coalesced);
  if (coalesced || !before_known) return Coalesced(change, *filter);
  return ByState(change, *filter);
}

}  // namespace tributary
