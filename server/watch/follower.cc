#include "server/watch/follower.h"

#include <algorithm>
#include <utility>

#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace tributary {

Follower::Follower(Store& store, ChangeHub& hub, FollowerOptions options)
    : store_(store), hub_(hub), options_(std::move(options)), position_(options_.start) {}

absl::StatusOr<Follower::Batch> Follower::Next() {
  return in_snapshot() ? NextOfSnapshot() : NextOfTail();
}

void Follower::SkipTo(Revision revision) {
  if (!in_snapshot()) position_.revision = std::max(position_.revision, revision);
}

absl::StatusOr<Follower::Batch> Follower::NextOfSnapshot() {
  RecordQuery query;
  query.selection = options_.selection;
  query.after = position_.last;
  query.revision = position_.revision;
  query.max_records = limits::kWatchResponseChangesMax;
  query.max_bytes = limits::kWatchResponseBytesMax;
  query.raw = options_.raw;
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
  batch.done = options_.stop_at.has_value() && position_.revision >= *options_.stop_at;
  return batch;
}

absl::StatusOr<Follower::Batch> Follower::NextOfTail() {
  ChangeQuery query;
  query.selection = options_.selection;
  query.after = position_.revision;
  query.through = options_.stop_at;
  query.max_changes = limits::kWatchResponseChangesMax;
  query.max_bytes = limits::kWatchResponseBytesMax;
  query.raw = options_.raw;
  query.before = options_.before;
  std::optional<ChangePage> page = hub_.Recent(query);
  if (!page.has_value()) {
    // Behind the window. What is durable but not published yet waits until it is: nobody is to hold
    // a position that the hub, which judges positions, does not know.
    const Revision published = hub_.head().revision;
    query.through = std::min(options_.stop_at.value_or(published), published);
    TRIBUTARY_ASSIGN_OR_RETURN(page, store_.Changes(query));
  }

  Batch batch;
  batch.changes = std::move(page->changes);
  position_.revision = page->through;
  batch.revision = position_.revision;
  batch.head = std::max(page->head, position_.revision);
  batch.done = options_.stop_at.has_value() && position_.revision >= *options_.stop_at;
  batch.caught_up = position_.revision >= page->head;
  return batch;
}

}  // namespace tributary
