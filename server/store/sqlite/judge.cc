#include "server/store/sqlite/judge.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace tributary::sqlite {
namespace {

constexpr std::string_view kOutrun = "was made for another revision than the one that stands";

bool SameContent(const Mutation& mutation, const ChangeRow& row) {
  if (mutation.IsDelete()) return row.IsTombstone();
  return !row.IsTombstone() && row.change.state == mutation.state && row.change.raw == mutation.raw;
}

// The state that a change replaces. Where the row is damaged only its key is known.
std::shared_ptr<const Record> StateBefore(const Key& key, const Pointer& pointer,
                                          std::optional<ChangeRow> row) {
  auto before = std::make_shared<Record>();
  before->key = key;
  before->revision = pointer.revision;
  if (row.has_value()) {
    before->state = std::move(row->change.state);
    before->raw = std::move(row->change.raw);
  }
  return before;
}

}  // namespace

Judge::Judge(SQLite::Database& database, const Scopes& scopes, const Overlay& overlay,
             const Floors& floors, LateWork& late_work, Fingerprints& fingerprints, Bodies& bodies,
             OpenDeliveries& open, LedgerUpkeep& ledger_upkeep, const SqliteOptions& options)
    : scopes_(scopes),
      overlay_(overlay),
      floors_(floors),
      late_work_(late_work),
      fingerprints_(fingerprints),
      bodies_(bodies),
      open_(open),
      ledger_upkeep_(ledger_upkeep),
      options_(options),
      ledger_(database),
      find_pointer_(database, absl::StrCat("SELECT ", kPointerColumns,
                                           " FROM resource AS r WHERE r.scope = ? AND r.id = ?")),
      read_change_(database, absl::StrCat("SELECT ", kChangeColumns,
                                          ", c.raw FROM change AS c WHERE c.revision = ?")),
      insert_change_(database, kInsertChange),
      insert_scope_(database,
                    "INSERT INTO scope (scope, model, connector_id, owner_id) VALUES (?,?,?,?)") {}

Outcome Judge::Decide(const Delivery& delivery, Batch& batch) {
  if (delivery.replay.has_value()) return DecideAgain(delivery, *delivery.replay, batch);
  Outcome outcome;
  outcome.delivery = batch.late.delivery = ++batch.position.delivery;
  batch.position.received_us = std::max(delivery.arrived_us, batch.position.received_us + 1);
  const int64_t received_us = batch.position.received_us;
  std::optional<Version> version;
  Note note = Note::kNone;
  std::string encoded;  // of the fingerprint, where it counts

  // A rejected delivery may be sent again, corrected or not, and is then judged anew.
  if (delivery.intake == Delivery::Intake::kReject ||
      (delivery.intake == Delivery::Intake::kJudge && delivery.mutations.empty())) {
    outcome.verdict = Verdict::kRejected;
  } else {
    const Fingerprint fingerprint = Fingerprint::Of(delivery);
    const bool counts = !delivery.idempotency_key.empty();
    Seen seen;
    if (counts) {
      seen = fingerprints_.Find(fingerprint, received_us - options_.idempotency_window_us);
      encoded = fingerprint.Encode();
    }
    if (seen.duplicate_of.has_value()) {
      outcome.verdict = Verdict::kDuplicate;
      outcome.revision = *seen.duplicate_of;
      encoded.clear();
    } else {
      if (seen.key_reused) note = Note::kIdempotencyKeyReused;
      if (delivery.intake == Delivery::Intake::kPark) {
        outcome.verdict = Verdict::kParked;
      } else {
        const Ruling ruling =
            ApplyAll({delivery, outcome.delivery, received_us, note, encoded}, batch);
        outcome.verdict = ruling.verdict;
        outcome.revision = ruling.revision;
        version = ruling.version;
      }
      if (outcome.verdict == Verdict::kRejected) {
        encoded.clear();
      } else if (counts) {
        fingerprints_.Remember(fingerprint, outcome, received_us);
      }
    }
  }
  Enter(delivery, outcome, received_us, version, note, encoded);
  return outcome;
}

bool Judge::KeepsBody(const Delivery& delivery, Verdict verdict) const {
  switch (options_.ledger_bodies) {
    case LedgerBodies::kNone:
      return false;
    case LedgerBodies::kAll:
      return true;
    case LedgerBodies::kProblems:
      break;
  }
  if (verdict == Verdict::kDuplicate) return false;  // the first one's is there
  return !delivery.body.empty() || verdict == Verdict::kSuperseded;
}

// The row of its own change records a delivery that was applied, if there is no more to say of it.
void Judge::Enter(const Delivery& delivery, const Outcome& outcome, int64_t received_us,
                  const std::optional<Version>& version, Note note, std::string_view fingerprint) {
  const bool outrun = outcome.verdict == Verdict::kRejected && !delivery.mutations.empty();
  const std::string& body = delivery.body.empty() ? delivery.body_if_superseded : delivery.body;
  const bool keeps_body = !body.empty() && KeepsBody(delivery, outcome.verdict);
  if (outcome.verdict != Verdict::kApplied || delivery.warnings > 0 || keeps_body) {
    ledger_.Record({.outcome = outcome,
                    .received_us = received_us,
                    .connector_id = delivery.connector_id,
                    .owner_id = delivery.owner_id,
                    .event = delivery.event,
                    .resource_id = delivery.resource_id,
                    .idempotency_key = delivery.idempotency_key,
                    .version = version,
                    .problem = outrun ? kOutrun : delivery.problem,
                    .note = note,
                    .fingerprint = fingerprint,
                    .warnings = delivery.warnings,
                    .body_bytes = static_cast<int64_t>(body.size()),
                    .remote_address = delivery.remote_address});
    open_.Added(outcome.verdict);
  }
  if (keeps_body) bodies_.Keep(outcome.delivery, Bodies::WorthOf(outcome.verdict), body);
}

// A replay passes the check for duplicates, and is judged by the version of the original. What was
// accepted then left a state or a tombstone behind; where there is nothing now, the tombstone was
// forgotten, and what it covered must not come back.
Outcome Judge::DecideAgain(const Delivery& delivery, const Replay& replay, Batch& batch) {
  batch.late.delivery = batch.position.delivery;
  Outcome outcome;
  outcome.delivery = replay.number;
  const Verdict before = ledger_.VerdictOf(replay.number).value_or(Verdict::kApplied);
  if (before == Verdict::kDuplicate) {  // the first one speaks for it, by a version of its own
    outcome.verdict = Verdict::kDuplicate;
    return outcome;
  }
  if (delivery.intake != Delivery::Intake::kJudge || delivery.mutations.empty()) {
    const bool parked = delivery.intake == Delivery::Intake::kPark;
    outcome.verdict = parked ? Verdict::kParked : Verdict::kRejected;
    return outcome;
  }
  const bool open = before == Verdict::kParked || before == Verdict::kRejected;
  const Ruling ruling =
      ApplyAll({delivery, replay.number, replay.received_us, Note::kNone, "", true, !open}, batch);
  outcome.verdict = ruling.verdict;
  outcome.revision = ruling.revision;
  ledger_upkeep_.Note({batch.position.delivery, batch.position.received_us});
  if (open) {
    ledger_.Amend(outcome, ruling.version);
    open_.Removed(before);
    open_.Added(outcome.verdict);
    bodies_.Revalue(replay.number, Bodies::Worth::kAccepted);
    ledger_upkeep_.LookAgain(replay.number);
  }
  return outcome;
}

Judge::Ruling Judge::ApplyAll(const Origin& origin, Batch& batch) {
  const std::vector<Mutation>& mutations = origin.delivery.mutations;
  const Mutation& own = mutations.back();
  const std::optional<Replay>& replay = origin.delivery.replay;
  const int64_t own_time_us =
      replay.has_value() && replay->version.has_value()
          ? replay->version->time_us
          : own.time_us.value_or(ObservedAt(origin).value_or(origin.received_us));
  if (!own.IsDelete()) {
    // What comes along has the time of the other, but not what raised it above a tombstone.
    const int64_t shared_time_us = own.time_us.value_or(own_time_us);
    for (size_t i = 0; i + 1 < mutations.size(); ++i) {
      const int64_t time_us = mutations[i].expected.has_value()
                                  ? origin.received_us
                                  : mutations[i].time_us.value_or(shared_time_us);
      Apply(mutations[i], time_us, false, origin, batch);
    }
  }
  return Apply(own, own_time_us, true, origin, batch);
}

// A replay of what was judged has its version, in which the observation is contained.
std::optional<int64_t> Judge::ObservedAt(const Origin& origin) {
  const Delivery& delivery = origin.delivery;
  const bool judged = delivery.replay.has_value() && delivery.replay->version.has_value();
  if (judged || !delivery.observed_us.has_value() || delivery.mutations.back().IsDelete()) {
    return std::nullopt;
  }
  return std::min(*delivery.observed_us, origin.received_us);
}

// Only a tombstone has the rank of a deletion: nothing else raises its version.
bool Judge::IsOutdated(const Pointer& standing, const Origin& origin) {
  const std::optional<int64_t> observed_us = ObservedAt(origin);
  return standing.version.rank == Rank::kDeleted && observed_us.has_value() &&
         standing.version.time_us < *observed_us;
}

Judge::Ruling Judge::Apply(const Mutation& mutation, int64_t time_us, bool own,
                           const Origin& origin, Batch& batch) {
  Version version{time_us, mutation.rank, origin.number};
  Standing standing = Look(mutation.key, batch);
  if (!IsExpected(mutation, standing)) {
    return {Verdict::kRejected, standing.pointer.has_value() ? standing.pointer->revision : 0,
            std::nullopt};
  }
  if (standing.pointer.has_value()) {
    Pointer& pointer = *standing.pointer;
    if (origin.replayed && version == pointer.version) {
      return {Verdict::kUnchanged, pointer.revision, version};
    }
    if (version <= pointer.version) {
      if (!own || !IsOutdated(pointer, origin)) {
        const bool seen = own && ObservedAt(origin).has_value() && Equals(mutation, standing);
        return {seen ? Verdict::kUnchanged : Verdict::kSuperseded, pointer.revision, version};
      }
      version.time_us = pointer.version.time_us + 1;
    }
    standing.row = ReadRow(mutation.key, *standing.scope, pointer.revision);
    if (!standing.row.has_value() && IsGone(pointer)) {
      standing.pointer.reset();
      if (origin.accepted) return {Verdict::kSuperseded, 0, version};
      Append(mutation, version, standing, own, origin, batch);
      return {Verdict::kApplied, batch.position.revision, version};
    }
    standing.alive = !standing.row.has_value() || !standing.row->IsTombstone();
    if (standing.row.has_value() && SameContent(mutation, *standing.row)) {
      // The later time counts: an older state must not come back because nothing changed since.
      pointer.version = version;
      if (origin.replayed) {
        batch.raised_by_replay = true;
      } else {
        late_work_.NoteRaise(*standing.scope, mutation.key.id, pointer);
      }
      Put(mutation.key, *standing.scope, pointer, batch);
      return {Verdict::kUnchanged, pointer.revision, version};
    }
  } else if (origin.accepted) {
    return {Verdict::kSuperseded, 0, version};
  }
  Append(mutation, version, standing, own, origin, batch);
  return {Verdict::kApplied, batch.position.revision, version};
}

Judge::Standing Judge::Look(const Key& key, const Batch& batch) {
  Standing standing;
  standing.scope = FindScope(key, batch);
  if (standing.scope == nullptr) return standing;
  const PointerKeyView at(standing.scope->id, key.id);
  if (const auto added = batch.late.pointers.find(at); added != batch.late.pointers.end()) {
    standing.pointer = added->second;
    return standing;
  }
  standing.pointer = overlay_.Find(at).pointer;
  if (standing.pointer.has_value()) return standing;
  Query query(find_pointer_);
  query.Bind(standing.scope->id).Bind(key.id);
  if (query.Next()) standing.pointer = ReadPointer(query, 0, key);
  return standing;
}

bool Judge::Equals(const Mutation& mutation, const Standing& standing) {
  const std::optional<ChangeRow> row =
      ReadRow(mutation.key, *standing.scope, standing.pointer->revision);
  return row.has_value() && SameContent(mutation, *row);
}

bool Judge::IsExpected(const Mutation& mutation, const Standing& standing) {
  if (!mutation.expected.has_value()) return true;
  if (!standing.pointer.has_value()) return *mutation.expected == 0;
  return standing.pointer->revision == *mutation.expected ||
         (*mutation.expected == 0 && IsGone(*standing.pointer));
}

bool Judge::IsGone(const Pointer& pointer) {
  if (pointer.revision > floors_.tombstones.load()) return false;
  Query query(read_change_);
  query.Bind(pointer.revision);
  return !query.Next();
}

std::optional<ChangeRow> Judge::ReadRow(const Key& key, const Scope& scope, Revision revision) {
  try {
    Query query(read_change_);
    query.Bind(revision);
    if (!query.Next()) {
      if (revision <= floors_.tombstones.load()) return std::nullopt;
      throw DamagedRow(absl::StrCat("change ", revision, " is missing"));
    }
    ChangeRow row = ReadChange(query, 0, true, scope);
    if (row.change.key.id != key.id) throw DamagedRow(absl::StrCat("change ", revision, ": id"));
    return row;
  } catch (const DamagedRow& damage) {
    // A new state repairs the resource; to refuse it would only keep the damage.
    LogError(absl::StrCat("store: damaged data replaced: ", damage.what()));
    return std::nullopt;
  }
}

void Judge::Append(const Mutation& mutation, const Version& version, const Standing& before,
                   bool own, const Origin& origin, Batch& batch) {
  ChangeRow row;
  row.version = version;
  row.note = origin.note;
  if (own && !origin.replayed) {
    row.idempotency_key = origin.delivery.idempotency_key;
    row.fingerprint = origin.fingerprint;
  }

  Change& change = row.change;
  change.revision = ++batch.position.revision;
  change.prev = before.pointer.has_value() ? before.pointer->revision : 0;
  change.key = mutation.key;
  change.committed_us = batch.position.committed_us;
  change.received_us = origin.received_us;
  change.delivery = origin.number;
  if (before.alive) change.before = StateBefore(mutation.key, *before.pointer, before.row);
  if (mutation.IsDelete()) {
    change.kind = before.alive ? ChangeKind::kDeleted : ChangeKind::kHidden;
  } else {
    change.kind = before.alive ? ChangeKind::kUpdated : ChangeKind::kCreated;
    change.state = mutation.state;
    change.raw = mutation.raw;
  }
  if (change.kind == ChangeKind::kUpdated && before.row.has_value() && options_.changed_fields) {
    const Record after{mutation.key, change.revision, false, mutation.state, mutation.raw};
    change.changed_fields = options_.changed_fields(*change.before, after);
  }

  const Scope* scope = before.scope != nullptr ? before.scope : MakeScope(mutation.key, batch);
  InsertChange(insert_change_, row, scope->id);
  if (options_.index) {
    const auto entries = [&](bool exists, const std::string& state) {
      return exists ? options_.index(mutation.key.model, state) : std::vector<IndexEntry>();
    };
    AppendEntryEvents(scope->id, mutation.key.id, change.revision,
                      entries(before.alive, before.alive ? change.before->state : change.state),
                      entries(!mutation.IsDelete(), change.state), batch.late.entries);
  }
  Put(mutation.key, *scope, {change.revision, version}, batch);
  batch.late.scopes.push_back(scope->id);
  batch.late.revision = change.revision;
  batch.changes.push_back(std::make_shared<const Change>(std::move(change)));
}

void Judge::Put(const Key& key, const Scope& scope, const Pointer& pointer, Batch& batch) {
  batch.late.pointers[{scope.id, key.id}] = pointer;
  ++batch.late.weight;
}

const Scope* Judge::FindScope(const Key& key, const Batch& batch) const {
  const auto found = batch.scope_by_name.find(key);
  return found != batch.scope_by_name.end() ? found->second : scopes_.Find(key);
}

const Scope* Judge::MakeScope(const Key& key, Batch& batch) {
  const auto offset = static_cast<int64_t>(batch.scopes.size());
  const Scope& scope = batch.scopes.emplace_back(
      Scope{scopes_.NextId() + offset, key.model, key.connector_id, key.owner_id});
  batch.scope_by_name.emplace(&scope, &scope);
  Query(insert_scope_)
      .Bind(scope.id)
      .BindText(scope.model)
      .BindText(scope.connector_id)
      .BindText(scope.owner_id)
      .Run();
  return &scope;
}

}  // namespace tributary::sqlite
