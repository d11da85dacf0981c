#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/hash.h"

namespace tributary {

// A position in the one order of the store: 1 for the first change, gap-free; 0 is before all of
// them.
using Revision = int64_t;

// Names one resource. Key order is (model, connector_id, owner_id, id), bytewise.
struct Key {
  std::string model;
  std::string connector_id;
  std::string owner_id;
  std::string id;
  auto operator<=>(const Key&) const = default;
};

// The keys that a read covers; an empty part covers everything.
struct Selection {
  std::vector<std::string> models;
  std::string connector_id;
  std::string owner_id;

  bool Covers(const Key& key) const;
};

// What kind of word a delivery is; with equal times the greater rank wins.
enum class Rank : uint8_t { kEmbedded = 1, kCreated = 2, kUpdated = 3, kDeleted = 4 };

// Decides which of two deliveries holds: a total order, in which the greater wins. Time is the
// source's `updatedAt`; where that is absent or not to be believed, the time of receipt, or that of
// the observation (Delivery::observed_us).
struct Version {
  int64_t time_us = 0;
  Rank rank = Rank::kEmbedded;
  int64_t delivery = 0;
  auto operator<=>(const Version&) const = default;
};

// What one delivery says of one resource: its whole state, or that it is gone.
struct Mutation {
  Key key;
  Rank rank = Rank::kUpdated;
  std::optional<int64_t> time_us;  // none: the time of receipt
  std::string state;               // encoded frame fields 1-8 and 10; empty for a delete
  std::string raw;                 // encoded google.protobuf.Value; empty is absent

  // Applied only to what is at this revision, a tombstone's included; 0: only where nothing stands.
  // Its time is then that of receipt. A delivery of which the own mutation does not apply is
  // rejected, with the revision that stands; any other mutation is passed over.
  std::optional<Revision> expected = std::nullopt;

  bool IsDelete() const { return rank == Rank::kDeleted; }
};

enum class Verdict : uint8_t {
  kApplied = 1,
  kUnchanged = 2,
  kDuplicate = 3,
  kSuperseded = 4,
  kParked = 5,
  kRejected = 6,
};
inline constexpr size_t kVerdicts = 6;

// That a delivery is on record already and is judged once more: it keeps its number, its time of
// receipt and, where it was judged before, its version.
struct Replay {
  int64_t number = 0;
  int64_t received_us = 0;
  std::optional<Version> version;
};

// One webhook on its way into the store. Its number in the ledger is given when it is committed.
struct Delivery {
  enum class Intake : uint8_t { kJudge, kPark, kReject };

  std::string connector_id;
  std::string owner_id;
  std::string event;  // "crmOpportunity::updated", as sent
  std::string resource_id;
  std::string idempotency_key;
  std::string remote_address;  // where it came from; empty: not known
  int64_t arrived_us = 0;      // clock when the request was read
  Intake intake = Intake::kJudge;

  // kJudge: embedded resources, depth first, then the delivery's own, which is last.
  std::vector<Mutation> mutations;

  // Tells contents apart for the check for duplicates: over the canonical bytes of `mutations`, or
  // over the body where there are none.
  Digest content;

  // The body as received, if the ledger is to keep it whatever the verdict (parked, rejected,
  // warned about); `body_if_superseded` is kept only if the delivery turns out to be superseded.
  std::string body;
  std::string body_if_superseded;
  // Why it was rejected or parked, or else what was warned about, in words.
  std::string problem;
  int64_t warnings = 0;  // that we found, in all its resources

  // When a list of the source showed the own resource to be there; none: nobody looked, the source
  // sent it by itself. A moment after the receipt counts as the receipt; of a deletion it says
  // nothing.
  //
  // The delivery is judged by its version like any other, with these exceptions: where it has no
  // time the observation is its time; and a tombstone whose time is before the observation does not
  // stand in its way, because what was seen after a deletion is there again, whatever its
  // `updatedAt`. Its version then becomes the least that beats the tombstone, and is kept like
  // that: so what was older than the tombstone stays so, what the source says since then wins, and
  // a replay rewinds nothing. Of an observation and a deletion from before it the first to come
  // makes the difference, as between equal times; to observe it again mends that. What is seen to
  // be as it stands is UNCHANGED, whatever the versions.
  std::optional<int64_t> observed_us;

  std::optional<Replay> replay;  // none: it has just come
};

// What became of one delivery.
struct Outcome {
  Verdict verdict = Verdict::kApplied;
  Revision revision = 0;  // of the change made; of the first one (duplicate); of the state that
                          // stood against it (unchanged, superseded, not expected); else 0
  int64_t delivery = 0;   // its number in the ledger: gap-free, from 1, in order of commit
};

// Which bodies the ledger keeps: those of deliveries that were parked, rejected, superseded or
// warned about, those of all, or none.
enum class LedgerBodies : uint8_t { kProblems, kAll, kNone };

// A delivery as the ledger tells of it.
struct DeliveryRecord {
  Outcome outcome;
  int64_t received_us = 0;
  std::string connector_id;
  std::string owner_id;
  std::string event;
  std::string resource_id;
  std::string idempotency_key;
  std::optional<Version> version;  // that its own state was judged by; none: it was not judged
  bool key_reused = false;         // the idempotency key came before, with other content
  std::string problem;             // why it was rejected or parked, or what was warned about
  int64_t warnings = 0;
  std::string remote_address;  // empty: not recorded
  int64_t body_bytes = 0;      // of the body as received; 0: not recorded
  bool has_body = false;       // it was kept
  std::string body;            // where it was asked for
  bool in_history = false;     // it is a change in the log, which no purge removes
};

// Chooses among deliveries. Immutable, thread-safe.
class DeliveryFilter {
 public:
  virtual ~DeliveryFilter() = default;
  virtual bool Matches(const DeliveryRecord& delivery) const = 0;
};

// A resource as of some revision.
struct Record {
  Key key;
  Revision revision = 0;  // of the change that made this state
  bool deleted = false;   // a tombstone: state and raw are empty
  std::string state;
  std::string raw;  // only where it was asked for

  size_t Bytes() const;  // of what it holds
};

// What an index knows of a resource: one value of one of its fields, in a form that sorts bytewise
// as the values do. What the number of a field and the form of a value mean is not the store's to
// know.
struct IndexEntry {
  uint32_t field = 0;
  std::string value;
  auto operator<=>(const IndexEntry&) const = default;
};

// Finds further resources, as of the revision that the one in question is shown at.
class RecordLookup {
 public:
  virtual ~RecordLookup() = default;

  // nullopt: it is not there, or deleted. Without its raw resource.
  virtual std::optional<Record> Find(const Key& key) = 0;
};

// Chooses among resources. Immutable, thread-safe.
class RecordFilter {
 public:
  virtual ~RecordFilter() = default;

  // Of a record that is not deleted.
  virtual bool Matches(const Record& record, RecordLookup& others) const = 0;
};

enum class ChangeKind : uint8_t {
  kHidden = 1,  // a tombstone for what was not there: takes a revision, reaches nobody
  kCreated = 2,
  kUpdated = 3,
  kDeleted = 4,
};

// After it the resource is not there.
constexpr bool IsTombstone(ChangeKind kind) {
  return kind == ChangeKind::kDeleted || kind == ChangeKind::kHidden;
}

// One row of the change log.
struct Change {
  Revision revision = 0;
  Revision prev = 0;  // of the same resource's change before; 0 if there was none
  ChangeKind kind = ChangeKind::kCreated;
  Key key;
  std::string state;           // after the change; empty for kDeleted and kHidden
  std::string raw;             // only where it was asked for
  std::string changed_fields;  // encoded as field 5 of a change message; empty but for kUpdated
  int64_t committed_us = 0;
  int64_t received_us = 0;
  int64_t delivery = 0;
  std::shared_ptr<const Record> before = nullptr;  // the state it replaced (kUpdated, kDeleted),
                                                   // where asked for; null: history has passed it

  size_t Bytes() const;  // memory it takes, roughly
};

using ChangePtr = std::shared_ptr<const Change>;

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

// The delivery's name outside: opaque, stable, unique within the store.
std::string DeliveryId(int64_t delivery);
// The delivery of that name; 0: it is none.
int64_t DeliveryOf(std::string_view id);

}  // namespace tributary
