"""Rules of hub, follower, late pages and judgement, each broken on purpose, and the test program that has to notice.

docs/guarantees.md lists them in the words of `what`.
"""

import collections

Mutant = collections.namedtuple("Mutant", "what file old new found_by")

FOLLOWER = "server/watch/follower.cc"
JUDGEMENT = "server/watch/judgement.cc"
HUB = "server/watch/change_hub.cc"
LATE = "server/watch/late_pages.cc"

MUTANTS = [
    Mutant("the change at a compaction boundary is dropped", FOLLOWER,
           "const bool coalesced = change.revision <= position_.consistent_from;",
           "const bool coalesced = change.revision <= position_.consistent_from;\n"
           "      if (change.revision == position_.consistent_from) continue;",
           "resume_simulation_test"),
    Mutant("a reader that meets the floor does not know that it is between two states", FOLLOWER,
           "position_.consistent_from = std::max(position_.consistent_from, read.floor);", "",
           "resume_simulation_test"),
    Mutant("a bookmark is given between two states", FOLLOWER,
           "batch.revision = position_.is_consistent() ? position_.revision : 0;",
           "batch.revision = position_.revision;", "resume_simulation_test"),
    Mutant("the last change that was sent is sent again where a reader comes back from the disk", FOLLOWER,
           "query.after = position_.revision;\n  const Revision published",
           "query.after = std::max<Revision>(position_.revision - 1, 0);\n  const Revision published",
           "follower_test"),
    Mutant("the tail starts at the head and not at the snapshot's revision", FOLLOWER,
           "position_ = Position::Tail(position_.revision);", "position_ = Position::Tail(hub_.head().revision);",
           "follower_test"),
    Mutant("a snapshot moves without mending what it has sent", FOLLOWER,
           "position_.move = {position_.revision, head};", "position_.revision = head;", "resume_simulation_test"),
    Mutant("a snapshot that moves mends all keys but the last", FOLLOWER,
           "if (change.key > *position_.last) continue;", "if (change.key >= *position_.last) continue;",
           "resume_simulation_test"),
    Mutant("a position whose deletions were forgotten goes on", FOLLOWER,
           "return 0 < position && position < tombstone_floor;", "return position < 0 && position < tombstone_floor;",
           "resume_simulation_test"),
    Mutant("the beginning expires", FOLLOWER,
           "return 0 < position && position < tombstone_floor;", "return position < tombstone_floor;",
           "resume_simulation_test"),
    Mutant("a coalesced delta goes on from memory, which leaves out what repeats a deletion", FOLLOWER,
           "if (!position_.is_consistent()) {", "if (position_.revision < 0) {", "resume_simulation_test"),
    Mutant("a page that was read ahead is taken by who has gone on since", FOLLOWER,
           "if (ahead == nullptr || ahead->after != position) return std::nullopt;",
           "if (ahead == nullptr) return std::nullopt;", "follower_test"),

    Mutant("a coalesced change out of the filter is not told", JUDGEMENT,
           "const bool after = MatchesAfter(change, filter);\n  return Telling",
           "const bool after = MatchesAfter(change, filter);\n  if (!after) return std::nullopt;\n  return Telling",
           "resume_simulation_test"),
    Mutant("ENTERED is told as CREATED", JUDGEMENT,
           "change.before == nullptr ? ChangeType::kCreated : ChangeType::kEntered",
           "change.before == nullptr ? ChangeType::kCreated : ChangeType::kCreated", "resume_simulation_test"),
    Mutant("who leaves the filter is told as UPDATED", JUDGEMENT,
           "return Telling{Exists(change) ? ChangeType::kLeft : ChangeType::kDeleted, false};",
           "return Telling{Exists(change) ? ChangeType::kUpdated : ChangeType::kDeleted, false};",
           "resume_simulation_test"),
    Mutant("a state before that is not known is taken for none", JUDGEMENT,
           "if (coalesced || !before_known) return Coalesced(change, *filter);",
           "if (coalesced) return Coalesced(change, *filter);", "judgement_test"),
    Mutant("a deletion that repeats one is told to nobody", JUDGEMENT,
           "return change.kind == ChangeKind::kHidden && change.prev != 0;", "return change.prev < 0;",
           "resume_simulation_test"),

    Mutant("the window claims to reach one change further back than it does", HUB,
           "window_.front().first - 1)", "window_.front().first - 2)", "resume_simulation_test"),
    Mutant("a reader of the window is given the last change again", HUB,
           "std::max<Revision>(read.through + 1 - block.first, 0)", "std::max<Revision>(read.through - block.first, 0)",
           "resume_simulation_test"),
    Mutant("who begins to wait is not told of what is there already", HUB,
           "if (Reaches(**change, selection)) return false;", "", "change_hub_test"),
    Mutant("who is woken takes the change that woke it for one that is not its own", HUB,
           "woken.push_back({change.revision - 1, std::move(route->second.waiting)});",
           "woken.push_back({change.revision, std::move(route->second.waiting)});", "change_hub_test"),

    Mutant("a late reader takes a page that begins behind it", LATE,
           "if (query.after < page.query.after || query.after >= page.read.through ||",
           "if (query.after >= page.read.through ||", "late_pages_test"),
    Mutant("a late reader is given the last change again from another's page", LATE,
           "return after < change->revision;", "return after <= change->revision;", "late_pages_test"),
    Mutant("a late reader takes a page of another owner", LATE,
           "a.selection.owner_id == b.selection.owner_id &&", "true &&", "late_pages_test"),
]
