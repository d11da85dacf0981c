#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/error.h"
#include "server/store/store.h"

namespace tributary::testing {

// The rule of retention in its shortest form, in memory: a log with holes, compacted when a test
// says so. Not thread-safe; it judges no versions.
class ModelStore final : public Store {
 public:
  // The ways in which a test may break it, to see that somebody notices.
  enum class Fault {
    kNone,
    kPredecessorGoesEarly,   // a row goes when it is replaced, not when that has left the history
    kTombstoneGoesEarly,     // a tombstone goes at the floor of history
    kHidesWhatRepeats,       // a tombstone over a tombstone is never told
    kFloorIsNotTold,         // a page does not say that it is a coalesced delta
    kFloorOfBefore,          // a page says the floors as they were one compaction earlier
    kHorizonIsNotTold,       // a page does not say that tombstones were forgotten
    kCompactedShowsTheHead,  // a List below the floor is not refused
    kBoundaryIsSkipped,      // a change is lost right behind the floor
  };

  Fault fault = Fault::kNone;

  // Moves the floors up, as far as they are below.
  void Compact(Revision floor, Revision tombstone_floor) {
    previous_floors_ = {floor_, tombstone_floor_};
    floor = std::clamp(floor, floor_, head_);
    if (fault == Fault::kTombstoneGoesEarly) Forget(floor);
    for (Revision r = floor_ + 1; r <= floor; ++r) {
      if (const auto row = log_.find(r); row != log_.end()) log_.erase(row->second.prev);
    }
    if (fault == Fault::kPredecessorGoesEarly) {
      std::erase_if(log_, [&](const auto& row) { return newest_.at(row.second.key) != row.first; });
    }
    floor_ = floor;
    Forget(std::min(tombstone_floor, floor));
    tombstone_floor_ = std::max(tombstone_floor_, std::min(tombstone_floor, floor));
  }

  const std::string& id() const override { return id_; }

  absl::StatusOr<Committed> Commit(std::span<const Delivery> batch) override {
    Committed committed;
    for (const Delivery& delivery : batch) {
      for (const Mutation& mutation : delivery.mutations) {
        committed.changes.push_back(Append(mutation));
      }
      committed.outcomes.push_back({Verdict::kApplied, head_, head_});
    }
    return committed;
  }

  absl::StatusOr<Head> GetHead() override { return Head{head_, floor_, tombstone_floor_}; }

  absl::StatusOr<std::optional<Record>> Get(const Key& key, bool,
                                            std::optional<Revision> at) override {
    const Change* change = At(key, at.value_or(head_));
    if (change == nullptr) return std::nullopt;
    return ToRecord(*change);
  }

  absl::StatusOr<RecordBatch> BatchGet(const BatchQuery&) override {
    return absl::UnimplementedError("no test asks");
  }

  absl::StatusOr<RecordPage> List(const RecordQuery& query) override {
    RecordPage page;
    page.revision = query.revision.value_or(head_);
    if (page.revision < floor_) {
      if (fault != Fault::kCompactedShowsTheHead) {
        return MakeError(absl::StatusCode::kOutOfRange, "compacted", reason::kRevisionCompacted);
      }
      page.revision = head_;
    }
    NoOthers others;
    int looked_at = 0;
    for (auto next = query.after.has_value() ? newest_.upper_bound(*query.after) : newest_.begin();
         next != newest_.end(); ++next) {
      if (!query.selection.Covers(next->first)) continue;
      if (++looked_at > query.max_records) return page;
      page.next = next->first;
      const Change* change = At(next->first, page.revision);
      if (change == nullptr || !Exists(*change)) continue;
      Record record = ToRecord(*change);
      if (query.filter != nullptr && !query.filter->Matches(record, others)) continue;
      page.records.push_back(std::move(record));
    }
    page.next.reset();
    return page;
  }

  absl::StatusOr<ChangePage> Changes(const ChangeQuery& query) override {
    ChangePage page;
    page.head = head_;
    page.floor = floor_;
    page.tombstone_floor = tombstone_floor_;
    if (fault == Fault::kFloorIsNotTold) page.floor = 0;
    if (fault == Fault::kHorizonIsNotTold) page.tombstone_floor = 0;
    if (fault == Fault::kFloorOfBefore) {
      std::tie(page.floor, page.tombstone_floor) = previous_floors_;
    }
    page.through = std::min(query.through.value_or(head_), head_);
    int taken = 0;
    for (auto row = log_.upper_bound(query.after); row != log_.end() && row->first <= page.through;
         ++row) {
      const Change& change = row->second;
      if (!query.selection.Covers(change.key) || !IsTold(change)) continue;
      if (fault == Fault::kBoundaryIsSkipped && change.revision == floor_ + 1) continue;
      if (++taken > query.max_changes) {
        page.through = row->first - 1;
        break;
      }
      auto told = std::make_shared<Change>(change);
      if (query.before || change.kind == ChangeKind::kDeleted) told->before = Before(change);
      page.changes.push_back(std::move(told));
    }
    return page;
  }

  // Watches know nothing of the ledger.
  absl::StatusOr<std::vector<Outcome>> Rehearse(std::span<const Delivery>) override {
    return absl::UnimplementedError("the model has no ledger");
  }
  absl::StatusOr<DeliveryPage> ListDeliveries(const DeliveryQuery&) override {
    return absl::UnimplementedError("the model has no ledger");
  }
  absl::StatusOr<std::optional<DeliveryRecord>> GetDelivery(int64_t) override {
    return absl::UnimplementedError("the model has no ledger");
  }
  absl::StatusOr<int64_t> PurgeDeliveries(std::span<const int64_t>) override {
    return absl::UnimplementedError("the model has no ledger");
  }
  void HoldHistory(Revision) override {}

  absl::StatusOr<std::optional<int64_t>> CommittedAt(Revision) override { return std::nullopt; }

 private:
  struct NoOthers final : RecordLookup {
    std::optional<Record> Find(const Key&) override { return std::nullopt; }
  };

  static bool Exists(const Change& change) {
    return change.kind == ChangeKind::kCreated || change.kind == ChangeKind::kUpdated;
  }

  static Record ToRecord(const Change& change) {
    return {change.key, change.revision, !Exists(change), change.state, ""};
  }

  bool IsTold(const Change& change) const {
    if (change.kind != ChangeKind::kHidden) return true;
    return change.prev != 0 && fault != Fault::kHidesWhatRepeats;
  }

  const Change* RowAt(Revision revision) const {
    const auto row = log_.find(revision);
    return row == log_.end() ? nullptr : &row->second;
  }

  const Change* At(const Key& key, Revision revision) const {
    const auto newest = newest_.find(key);
    const Change* change = newest == newest_.end() ? nullptr : RowAt(newest->second);
    while (change != nullptr && change->revision > revision) change = RowAt(change->prev);
    return change;
  }

  std::shared_ptr<const Record> Before(const Change& change) const {
    const Change* before =
        Exists(change) && change.kind == ChangeKind::kCreated ? nullptr : RowAt(change.prev);
    return before == nullptr || !Exists(*before)
               ? nullptr
               : std::make_shared<const Record>(ToRecord(*before));
  }

  void Forget(Revision tombstone_floor) {
    std::erase_if(log_, [&](const auto& row) {
      const Change& change = row.second;
      const auto newest = newest_.find(change.key);
      const bool goes = change.revision <= tombstone_floor && !Exists(change) &&
                        newest != newest_.end() && newest->second == change.revision;
      if (goes) newest_.erase(newest);
      return goes;
    });
  }

  ChangePtr Append(const Mutation& mutation) {
    Change change;
    change.revision = ++head_;
    change.key = mutation.key;
    if (const auto newest = newest_.find(change.key); newest != newest_.end()) {
      change.prev = newest->second;
    }
    const Change* before = RowAt(change.prev);
    const bool alive = before != nullptr && Exists(*before);
    if (mutation.IsDelete()) {
      change.kind = alive ? ChangeKind::kDeleted : ChangeKind::kHidden;
    } else {
      change.kind = alive ? ChangeKind::kUpdated : ChangeKind::kCreated;
      change.state = mutation.state;
    }
    newest_[change.key] = change.revision;
    auto published = std::make_shared<Change>(change);
    if (alive) published->before = std::make_shared<const Record>(ToRecord(*before));
    log_.emplace(change.revision, std::move(change));
    return published;
  }

  const std::string id_ = "00000000000000000000000000000000";
  std::map<Revision, Change> log_;
  std::map<Key, Revision> newest_;
  Revision head_ = 0;
  Revision floor_ = 0;
  Revision tombstone_floor_ = 0;
  std::pair<Revision, Revision> previous_floors_;
};

}  // namespace tributary::testing
