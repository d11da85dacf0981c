#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/types.h"

namespace tributary {

// What became of a batch: an outcome per delivery, in its order, and the changes it made, in
// revision order, with `raw` and `before` set. They follow those of the last batch without a gap:
// should one that failed be on the disk all the same, its changes come first, shown from now on.
struct Committed {
  std::vector<Outcome> outcomes;
  std::vector<ChangePtr> changes;
};

// Where the store stands.
struct Head {
  Revision revision = 0;          // of the newest change
  Revision oldest_revision = 0;   // the oldest whose state can still be read, of every resource
  Revision oldest_resumable = 0;  // the oldest position from which a watch can still go on
};

// Reads resources by the values of an indexed field instead of by key.
struct IndexScan {
  static constexpr size_t kScopesMax = 1000;

  enum class Order : uint8_t {
    kEqual,      // those that have the value `from`, in key order
    kRising,     // those with values in [from, until), by value, then key
    kDescending  // the same, the greatest value first; of equal ones by key, rising
  };

  uint32_t field = 0;
  Order order = Order::kEqual;
  std::string from;
  std::string until;  // empty: no end
};

// A resource where it lies, for the call that gets it.
struct RecordView {
  Revision revision = 0;
  std::string_view state;
  std::string_view raw;
};

struct RecordQuery {
  Selection selection;
  std::optional<Key> after;          // go on behind this key
  std::string after_value = {};      // and, where `index` orders, this value
  std::optional<Revision> revision;  // show the state as of this one; none: the head
  int max_records = 100;
  size_t max_bytes = 2 * 1024 * 1024;  // no record but the first makes a page pass it
  bool raw = false;
  std::shared_ptr<const RecordFilter> filter = nullptr;  // null: all
  // Of more than kScopesMax combinations of model, connector and owner an order is refused:
  // INVALID_ARGUMENT, SCOPE_TOO_WIDE.
  std::optional<IndexScan> index = std::nullopt;
  // Where neither `filter` nor `index` is set: has the page put together by this, as bytes, which
  // then are what `max_bytes` bounds.
  void (*append)(std::string& out, const RecordView& record) = nullptr;
};

// Resources in key order, or in that of `index`; tombstones left out.
struct RecordPage {
  std::vector<Record> records;
  std::string appended;     // in their place, where the query says how
  int appended_count = 0;   // resources in it
  Revision revision = 0;    // the page shows this one
  std::optional<Key> next;  // the last key looked at: go on behind it; none: nothing is left. A
                            // page may be short, even empty, and still have a `next`: one call
                            // reads for milliseconds only.
  std::string next_value;   // of `next`, where `index` orders
};

struct BatchQuery {
  Key scope;  // model, connector_id, owner_id; id is ignored
  std::vector<std::string> ids;
  std::optional<Revision> revision;  // show the state as of this one; none: the head
  size_t max_bytes = 2 * 1024 * 1024;
  bool raw = false;
};

struct RecordBatch {
  std::vector<Record> records;       // in the order asked for, repeated ids once
  std::vector<std::string> missing;  // absent or deleted
  std::vector<std::string> unread;   // not looked at, because the answer was full
  Revision revision = 0;             // all of it shows this one
};

struct ChangeQuery {
  Selection selection;
  Revision after = 0;
  std::optional<Revision> through;  // none: the head
  int max_changes = 1000;
  size_t max_bytes = 1024 * 1024;  // no change but the first makes a page pass it
  bool raw = false;
  bool before = false;  // `before` of kUpdated too; of kDeleted it is always set
};

// The log has holes: a change that was replaced at or below the floor of history is gone, one that
// was not stays. So what is read at or below the floor is the newest state of every resource that
// changed since, and no more: a coalesced delta.
struct ChangePage {
  // In revision order. A kHidden that replaced nothing (`prev` is 0) reaches nobody and may be left
  // out. One that replaced a tombstone must be shown if an engine writes such rows at all, rather
  // than call the second deletion UNCHANGED: the first row goes when the second has left the
  // history, and the second is then all that tells who is behind the floor of the deletion.
  std::vector<ChangePtr> changes;
  Revision through = 0;  // nothing covered at or before it is missing; may be short of the
                         // head even if `changes` is empty
  Revision head = 0;
  // The floors of history and of tombstones when the page had been read, so that nothing it lacks
  // is above them.
  Revision floor = 0;
  Revision tombstone_floor = 0;
};

struct DeliveryQuery {
  bool oldest_first = false;
  int64_t after = 0;                  // go on behind this number, in that order; 0: begin
  std::optional<int64_t> until = {};  // oldest first: not beyond this number
  int max_deliveries = 100;
  size_t max_bytes = 2 * 1024 * 1024;  // no delivery but the first makes a page pass it
  bool bodies = false;
  std::shared_ptr<const DeliveryFilter> filter = nullptr;  // null: all
};

// Deliveries in the order of their numbers.
struct DeliveryPage {
  std::vector<DeliveryRecord> deliveries;
  std::optional<int64_t> next;  // go on behind this number; none: nothing is left. A page may be
                                // short, even empty, and still have a `next`.
};

// Keeps the current state of every resource and the ordered log of how it came about.
//
// Guarantees, which the conformance suite (tests/store/conformance.h) holds every engine to:
//  - Revision order is commit order, without gaps. Nothing is visible before it is durable; what
//  Commit
//    returned is seen by every read that begins later.
//  - The state is a function of the deliveries on record: of two versions the greater wins.
//  - A read shows one revision. Readers never wait for the writer, nor the writer for readers.
//  - What is read was checked: a damaged row is DATA_LOSS (STORED_DATA_CORRUPT), never good data.
//
// Thread-safe, but Commit must not run on two threads at once. Calls block on the disk: keep them
// off threads that must not wait.
class Store {
 public:
  virtual ~Store() = default;

  // Names this store, for ever: 32 hexadecimal digits, drawn when it was made.
  virtual const std::string& id() const = 0;

  // Judges and records `batch` atomically, in order, and makes it durable. UNAVAILABLE
  // (STORE_UNAVAILABLE): nothing of it is shown; the senders may try again. (Where a disk fails in
  // the very moment, all of it may turn out to be written; then a retry is a duplicate.) DATA_LOSS:
  // the same, but trying again does not help.
  virtual absl::StatusOr<Committed> Commit(std::span<const Delivery> batch) = 0;

  virtual absl::StatusOr<Head> GetHead() = 0;

  // The resource as of `at` (none: the head); a tombstone as Record::deleted; nullopt if it was
  // never there. Of this and the next two: OUT_OF_RANGE, REVISION_COMPACTED or, for a revision that
  // is still to come, POSITION_IN_FUTURE.
  virtual absl::StatusOr<std::optional<Record>> Get(const Key& key, bool raw,
                                                    std::optional<Revision> at) = 0;
  absl::StatusOr<std::optional<Record>> Get(const Key& key, bool raw) {
    return Get(key, raw, std::nullopt);
  }

  virtual absl::StatusOr<RecordBatch> BatchGet(const BatchQuery& query) = 0;

  virtual absl::StatusOr<RecordPage> List(const RecordQuery& query) = 0;

  virtual absl::StatusOr<ChangePage> Changes(const ChangeQuery& query) = 0;

  // Keeps what shows `revision` for a minute more, so that the next page of a List finds it: for
  // the newest 1,000 revisions asked for, and never more than twice the limit of history.
  virtual void HoldHistory(Revision revision) = 0;

  // What Commit would answer to `batch` now. Nothing of it is kept. May run beside Commit.
  virtual absl::StatusOr<std::vector<Outcome>> Rehearse(std::span<const Delivery> batch) = 0;

  // The deliveries on record. None is missing but those that were purged, or accepted and older
  // than the ledger reaches back.
  virtual absl::StatusOr<DeliveryPage> ListDeliveries(const DeliveryQuery& query) = 0;

  // With its body, if that was kept; nullopt: not on record (any more).
  virtual absl::StatusOr<std::optional<DeliveryRecord>> GetDelivery(int64_t number) = 0;

  // Takes these off the record, bodies and all; returns how many of them were on it. States and
  // changes stay as they are, and so does the record of a delivery that is a change in the log: it
  // loses its body alone. May run beside Commit.
  virtual absl::StatusOr<int64_t> PurgeDeliveries(std::span<const int64_t> numbers) = 0;

  // When the change of `revision` was committed; nullopt if there is no such row (any more).
  virtual absl::StatusOr<std::optional<int64_t>> CommittedAt(Revision revision) = 0;
};

}  // namespace tributary
