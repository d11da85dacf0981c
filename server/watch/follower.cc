#include "server/watch/follower.h"

#include <algorithm>
#include <utility>

#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace tributary {

Follower::Follower(Store& store, ChangeHub& hub, FollowerOptions options)
    : store_(store), hub_(hub), position_(std::move(options.start)) {
  tail_.selection = std::move(options.selection);
  tail_.through = options.stop_at;
  tail_.max_changes = limits::kWatchResponseChangesMax;
  constexpr size_t kToken = 1024;  // and the other fields that are no change
  tail_.max_bytes = limits::kWatchResponseBytesMax - kToken;
  tail_.raw = options.raw;
  tail_.before = options.before;
}

absl::StatusOr<Follower::Batch> Follower::Next() {
  return in_snapshot() ? NextOfSnapshot() : NextOfTail();
}

void Follower::SkipTo(Revision revision) {
  if (!in_snapshot()) position_.revision = std::max(position_.revision, revision);
}

absl::StatusOr<Follower::Batch> Follower::NextOfSnapshot() {
  RecordQuery query;
  query.selection = tail_.selection;
  query.after = position_.last;
  query.revision = position_.revision;
  query.max_records = limits::kWatchResponseChangesMax;
  query.max_bytes = limits::kWatchResponseBytesMax;
  query.raw = tail_.raw;
  TRIBUTARY_ASSIGN_OR_RETURN(RecordPage page, store_.List(query));

  Batch batch;
  batch.existing = std::move(page.records);
  batch.head = hub_.head().revision;
  if (page.next.has_value()) {
    position_.last = std::move(page.next);
    return batch;
  }
  position_ = Position::Tail(position_.revision);
  batch.snapshot_complete = true;
  batch.revision = position_.revision;
  batch.done = stop_at().has_value() && position_.revision >= *stop_at();
  return batch;
}

std::optional<Follower::Batch> Follower::NextInMemory() {
  if (in_snapshot()) return std::nullopt;
  tail_.after = position_.revision;
  std::optional<ChangeRuns> recent = hub_.Recent(tail_);
  SetLate(!recent.has_value());
  if (!recent.has_value()) return std::nullopt;
  return TailBatch(*std::move(recent));
}

absl::StatusOr<Follower::Batch> Follower::NextOfTail() {
  if (std::optional<Batch> batch = NextInMemory()) return *std::move(batch);
  TRIBUTARY_ASSIGN_OR_RETURN(ChangeRuns read, ReadBehindWindow());
  return TailBatch(std::move(read));
}

absl::StatusOr<ChangeRuns> Follower::ReadBehindWindow() {
  // What is durable but not published yet waits until it is: nobody is to hold a position that the
  // hub, which judges positions, does not know.
  ChangeQuery query = tail_;
  const Revision published = hub_.head().revision;
  query.through = std::min(stop_at().value_or(published), published);
  if (std::optional<ChangeRuns> kept = hub_.late_pages().Find(query)) {
    kept->head = published;
    return *std::move(kept);
  }
  TRIBUTARY_ASSIGN_OR_RETURN(ChangePage page, store_.Changes(query));
  ChangeRuns read;
  read.through = page.through;
  read.head = page.head;
  if (const auto count = static_cast<uint32_t>(page.changes.size()); count > 0) {
    read.runs.push_back({std::make_shared<const ChangeBlock>(std::move(page.changes)), 0, count});
  }
  hub_.late_pages().Keep(query, read);
  return read;
}

void Follower::SetLate(bool late) {
  if (late == late_) return;
  late_ = late;
  late ? hub_.late_pages().Join() : hub_.late_pages().Leave();
}

Follower::Batch Follower::TailBatch(ChangeRuns read) {
  Batch batch;
  batch.changes = std::move(read.runs);
  position_.revision = read.through;
  batch.revision = position_.revision;
  batch.head = std::max(read.head, position_.revision);
  batch.done = stop_at().has_value() && position_.revision >= *stop_at();
  batch.caught_up = position_.revision >= read.head;
  return batch;
}

}  // namespace tributary
