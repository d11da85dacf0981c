#include "server/watch/follower.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/watch/judgement.h"

namespace tributary {
namespace {

// Deletions since `position` may have been forgotten: what the client holds of them would stay for
// ever.
absl::Status Expired(Revision position, Revision floor, Revision tombstone_floor, Revision head) {
  ErrorDetail detail;
  detail.reason = reason::kResumeTokenExpired;
  detail.metadata.emplace_back("oldest_revision", absl::StrCat(floor));
  detail.metadata.emplace_back("head_revision", absl::StrCat(head));
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat("position ", position, ": deletions up to revision ", tombstone_floor,
                   " have been forgotten; start over with a snapshot"),
      std::move(detail));
}

// Who holds nothing needs no tombstone.
bool IsExpired(Revision position, Revision tombstone_floor) {
  return 0 < position && position < tombstone_floor;
}

// When the change at the end of `read` was committed; 0: there is none.
int64_t CommittedAt(const ChangeRuns& read) {
  if (read.runs.empty()) return 0;
  const Change& last = *read.runs.back().changes().back();
  return last.revision == read.through ? last.committed_us : 0;
}

// Adds the change at `index` of `block`, as a run of its own only where it has to be.
void Append(std::vector<ChangeRun>& runs, const BlockPtr& block, uint32_t index,
            std::optional<Telling> telling) {
  if (!runs.empty()) {
    ChangeRun& last = runs.back();
    if (last.block == block && last.first + last.count == index && last.telling == telling) {
      ++last.count;
      return;
    }
  }
  runs.push_back({block, index, 1, telling});
}

// True if the kind of `change` says `telling` already.
bool SaysItself(const Change& change, const Telling& telling) {
  return !telling.coalesced && Judge(change, nullptr, false) == telling;
}

}  // namespace

Follower::Follower(Store& store, ChangeHub& hub, FollowerOptions options)
    : store_(store),
      hub_(hub),
      stop_at_(options.stop_at),
      existing_filter_(std::move(options.existing_filter)),
      filter_(std::move(options.filter)),
      position_(std::move(options.start)) {
  tail_.selection = std::move(options.selection);
  tail_.max_changes = options.batch_max;
  constexpr size_t kToken = limits::kTokenBytesMax;  // and the other fields that are no change
  tail_.max_bytes = limits::kWatchResponseBytesMax - kToken;
  tail_.raw = options.raw;
  tail_.before = options.before || filter_ != nullptr;
}

absl::StatusOr<Follower::Batch> Follower::Next() {
  if (!in_snapshot()) return NextOfTail();
  return position_.move.has_value() ? NextOfMove() : NextOfSnapshot();
}

void Follower::SkipTo(Revision revision) {
  if (!in_snapshot()) position_.revision = std::max(position_.revision, revision);
}

bool Follower::IsDone() const {
  return stop_at_.has_value() && position_.is_consistent() && position_.revision >= *stop_at_;
}

absl::StatusOr<Follower::Batch> Follower::NextOfSnapshot() {
  RecordQuery query;
  query.selection = tail_.selection;
  query.after = position_.last;
  query.revision = position_.revision;
  query.max_records = tail_.max_changes;
  query.max_bytes = limits::kWatchResponseBytesMax;
  query.raw = tail_.raw;
  query.filter = existing_filter_;
  absl::StatusOr<RecordPage> read = store_.List(query);
  Batch batch;
  batch.head = hub_.head().revision;
  if (absl::IsOutOfRange(read.status()) &&
      DetailOf(read.status()).reason == reason::kRevisionCompacted) {
    MoveSnapshot();
    return batch;
  }
  TRIBUTARY_ASSIGN_OR_RETURN(RecordPage page, std::move(read));

  batch.existing = std::move(page.records);
  if (page.next.has_value()) {
    position_.last = std::move(page.next);
    return batch;
  }
  position_ = Position::Tail(position_.revision);
  batch.snapshot_complete = true;
  batch.revision = position_.revision;
  batch.done = IsDone();
  return batch;
}

void Follower::MoveSnapshot() {
  const Revision head = hub_.head().revision;
  // Of what was not sent yet nothing has to be mended.
  if (!position_.last.has_value()) {
    position_.revision = head;
  } else if (head > position_.revision) {
    position_.move = {position_.revision, head};
  }
}

absl::StatusOr<Follower::Batch> Follower::NextOfMove() {
  Position::Move& move = *position_.move;
  ChangeQuery query = tail_;
  query.after = move.sent;
  query.through = move.to;
  TRIBUTARY_ASSIGN_OR_RETURN(const ChangeRuns read, ReadStore(query));
  if (IsExpired(move.sent, read.tombstone_floor)) {
    return Expired(move.sent, read.floor, read.tombstone_floor, read.head);
  }
  Batch batch;
  batch.head = hub_.head().revision;
  for (const ChangeRun& run : read.runs) {
    for (uint32_t i = run.first; i < run.first + run.count; ++i) {
      const Change& change = *run.block->changes()[i];
      if (change.key > *position_.last) continue;  // comes with the rest of the snapshot
      const std::optional<Telling> telling = Judge(change, filter_.get(), /*coalesced=*/true);
      if (telling.has_value()) Append(batch.changes, run.block, i, telling);
    }
  }
  move.sent = read.through;
  if (move.sent >= move.to) {
    position_.revision = move.to;
    position_.move.reset();
  }
  return batch;
}

std::optional<Follower::Batch> Follower::NextInMemory() {
  if (in_snapshot()) return std::nullopt;
  if (!position_.is_consistent()) {
    // In a coalesced delta even a tombstone over a tombstone counts, which the window leaves out.
    SetLate(true);
    return NextAhead();
  }
  tail_.after = position_.revision;
  tail_.through = stop_at_;
  std::optional<ChangeRuns> recent = hub_.Recent(tail_);
  SetLate(!recent.has_value());
  if (!recent.has_value()) return NextAhead();
  ahead_.reset();
  return TailBatch(*std::move(recent), /*judge=*/filter_ != nullptr);
}

std::optional<Follower::Batch> Follower::NextAhead() {
  const std::unique_ptr<Page> ahead = std::exchange(ahead_, nullptr);
  const Revision position = position_.revision;
  if (ahead == nullptr || ahead->after != position) return std::nullopt;
  if (IsExpired(position, ahead->read.tombstone_floor)) return std::nullopt;  // Next says so
  ahead->read.head = std::max(ahead->read.head, hub_.head().revision);
  return LateBatch(std::move(ahead->read));
}

absl::StatusOr<Follower::Batch> Follower::NextOfTail() {
  if (std::optional<Batch> batch = NextInMemory()) return *std::move(batch);
  TRIBUTARY_ASSIGN_OR_RETURN(ChangeRuns read, ReadShared(LateQuery()));
  const Revision position = position_.revision;
  if (IsExpired(position, read.tombstone_floor)) {
    return Expired(position, read.floor, read.tombstone_floor, read.head);
  }
  return LateBatch(std::move(read));
}

Follower::Batch Follower::LateBatch(ChangeRuns read) {
  if (position_.revision < read.floor) {
    position_.consistent_from = std::max(position_.consistent_from, read.floor);
  }
  return TailBatch(std::move(read), /*judge=*/true);
}

std::optional<ChangeQuery> Follower::QueryAhead() const {
  if (!late_ || IsDone() || !hub_.late_pages().HasFewReaders()) return std::nullopt;
  ChangeQuery query = LateQuery();
  if (query.after >= *query.through) return std::nullopt;
  if (position_.is_consistent() && hub_.Holds(query.after)) return std::nullopt;
  return query;
}

void Follower::ReadAhead(const ChangeQuery& query) {
  absl::StatusOr<ChangeRuns> read = ReadShared(query);
  // Next meets the error itself, and tells it after what comes before.
  if (read.ok()) ahead_ = std::make_unique<Page>(Page{query.after, *std::move(read)});
}

ChangeQuery Follower::LateQuery() const {
  // What is durable but not published yet waits until it is: nobody is to hold a position that the
  // hub, which judges positions, does not know.
  ChangeQuery query = tail_;
  query.after = position_.revision;
  const Revision published = hub_.head().revision;
  // Who stopped in the middle of a coalesced delta would hold no state at all.
  const Revision stop_at = std::max(stop_at_.value_or(published), position_.consistent_from);
  query.through = std::min(stop_at, published);
  return query;
}

absl::StatusOr<ChangeRuns> Follower::ReadShared(const ChangeQuery& query) {
  if (std::optional<ChangeRuns> kept = hub_.late_pages().Find(query)) {
    kept->head = hub_.head().revision;
    return *std::move(kept);
  }
  TRIBUTARY_ASSIGN_OR_RETURN(ChangeRuns read, ReadStore(query));
  hub_.late_pages().Keep(query, read);
  return read;
}

absl::StatusOr<ChangeRuns> Follower::ReadStore(const ChangeQuery& query) {
  TRIBUTARY_ASSIGN_OR_RETURN(ChangePage page, store_.Changes(query));
  ChangeRuns read;
  read.through = page.through;
  read.head = page.head;
  read.floor = page.floor;
  read.tombstone_floor = page.tombstone_floor;
  if (const auto count = static_cast<uint32_t>(page.changes.size()); count > 0) {
    read.runs.push_back({std::make_shared<const ChangeBlock>(std::move(page.changes)), 0, count});
  }
  return read;
}

void Follower::SetLate(bool late) {
  if (late == late_) return;
  late_ = late;
  late ? hub_.late_pages().Join() : hub_.late_pages().Leave();
}

std::vector<ChangeRun> Follower::Told(std::vector<ChangeRun> runs) const {
  std::vector<ChangeRun> told;
  for (const ChangeRun& run : runs) {
    for (uint32_t i = run.first; i < run.first + run.count; ++i) {
      const Change& change = *run.block->changes()[i];
      const bool coalesced = change.revision <= position_.consistent_from;
      const std::optional<Telling> telling = Judge(change, filter_.get(), coalesced);
      if (!telling.has_value()) continue;
      Append(told, run.block, i, SaysItself(change, *telling) ? std::nullopt : telling);
    }
  }
  return told;
}

Follower::Batch Follower::TailBatch(ChangeRuns read, bool judge) {
  Batch batch;
  batch.committed_us = CommittedAt(read);
  batch.changes = judge ? Told(std::move(read.runs)) : std::move(read.runs);
  position_.revision = read.through;
  batch.revision = position_.is_consistent() ? position_.revision : 0;
  batch.head = std::max(read.head, position_.revision);
  batch.done = IsDone();
  batch.caught_up = position_.is_consistent() && position_.revision >= read.head;
  return batch;
}

}  // namespace tributary
