#include "server/serve/watch_reactor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/wire.h"
#include "server/serve/call.h"
#include "server/serve/encode.h"
#include "server/serve/grpc_status.h"

namespace tributary {
namespace {

// Field numbers of every WatchXsResponse (the contract of proto/); changes are field 1.
enum ResponseField : uint32_t {
  kResumeToken = 2,
  kRevision = 3,
  kSnapshotComplete = 4,
  kHeadRevision = 5,
};

absl::Status InFuture(std::string_view field, Revision position, Revision head) {
  ErrorDetail detail;
  detail.reason = reason::kPositionInFuture;
  detail.metadata.emplace_back("head_revision", absl::StrCat(head));
  detail.violations.push_back({std::string(field), "lies beyond the head of this store"});
  return MakeError(absl::StatusCode::kOutOfRange,
                   absl::StrCat(std::string(field), " is at revision ", position,
                                ", beyond the head of this store, which is ", head),
                   std::move(detail));
}

absl::Status RestoredStore() {
  ErrorDetail detail;
  detail.reason = reason::kResumeTokenOtherStore;
  detail.metadata.emplace_back("differs", "history");
  detail.violations.push_back(
      {"resume_token",
       "was given before this store was restored from a backup, or by another one"});
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      "resume_token was given before this store was restored from a backup, or by another one",
      std::move(detail));
}

absl::Status EventFilterNeedsPosition() {
  ErrorDetail detail;
  detail.reason = reason::kEventFilterNeedsPosition;
  detail.violations.push_back(
      {"start", "must be NOW or BEGINNING, or a position be given, with a filter of changes"});
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "a filter with `previous.` or `changed()` chooses among changes, of which a "
                   "snapshot has none: set start to NOW or BEGINNING, or give a position",
                   std::move(detail));
}

absl::Status Draining() {
  ErrorDetail detail;
  detail.reason = reason::kServerDraining;
  detail.retry_after_ms = 1000;
  return MakeError(absl::StatusCode::kUnavailable,
                   "this server is stopping; go on with the last resume_token", std::move(detail));
}

}  // namespace

WatchReactor::WatchReactor(WatchStreams& streams, grpc::CallbackServerContext* call,
                           WatchRequest request, std::string request_id)
    : streams_(streams),
      method_(request.method),
      request_id_(std::move(request_id)),
      format_{request.request.view, request.request.include_previous, request.feed},
      heartbeat_interval_(request.request.heartbeat_ms),
      call_(call),
      request_(std::make_unique<const WatchRequest>(std::move(request))) {
  NoteSent();
}

void WatchReactor::Begin() {
  self_ = shared_from_this();
  StartSendInitialMetadata();
  if (Leave(nullptr)) PostPump();
}

void WatchReactor::Drain() {
  if (Leave(&Notes::draining)) PostPump();
}

void WatchReactor::TryCancel() {
  MutexLock lock(call_mutex_);
  if (call_ != nullptr) call_->TryCancel();
}

bool WatchReactor::IsBeatDue(Clock::time_point now) {
  const Clock::rep at = now.time_since_epoch().count();
  if (at < beat_at_.load(std::memory_order_relaxed)) return false;
  beat_at_.store((now + heartbeat_interval_).time_since_epoch().count(), std::memory_order_relaxed);
  return true;
}

void WatchReactor::Beat() {
  if (Leave(&Notes::heartbeat)) PostPump();
}

void WatchReactor::Wake(Revision untouched) {
  reached_ = untouched;
  caught_up_ = false;
  {
    MutexLock lock(mutex_);
    notes_.woken = true;
    notes_.untouched = untouched;
    if (!NeedsPump()) return;
  }
  Pump(Where::kAnywhere);
}

void WatchReactor::OnWriteDone(bool ok) {
  message_.Clear();  // the pump leaves it alone while writing_
  {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) notes_.cancelled = true;
    if (!NeedsPump()) return;
  }
  Pump(Where::kAnywhere);
}

void WatchReactor::OnCancel() {
  if (Leave(&Notes::cancelled)) PostPump();
}

void WatchReactor::OnDone() {
  {
    MutexLock lock(call_mutex_);
    call_ = nullptr;
  }
  const std::shared_ptr<WatchReactor> last = std::move(self_);  // *this may go when this one goes
  streams_.Closed(last);
}

bool WatchReactor::Leave(bool Notes::*note) {
  MutexLock lock(mutex_);
  if (note != nullptr) notes_.*note = true;
  return NeedsPump();
}

bool WatchReactor::NeedsPump() {
  noted_ = true;
  // While a message or a page is under way there is nothing to do: its end comes back here.
  if (pumping_ || writing_ || reading_ || ended_) return false;
  pumping_ = true;
  return true;
}

void WatchReactor::PostPump() {
  streams_.executor_.Post([self = shared_from_this()] { self->Pump(Where::kExecutor); });
}

void WatchReactor::Pump(Where where) {
  for (;;) {
    Notes notes;
    {
      MutexLock lock(mutex_);
      notes = notes_;
      notes_.woken = notes_.heartbeat = false;  // the others hold for good
      noted_ = false;
    }
    const Progress progress = Step(notes, where);
    // Other streams may have work too: to the end of the queue.
    if (progress == Progress::kMore || progress == Progress::kBlocks) return PostPump();
    MutexLock lock(mutex_);
    const bool go_on = progress == Progress::kWrote ? !writing_ && !reading_
                                                    : progress == Progress::kIdle && noted_;
    if (go_on) continue;
    pumping_ = false;
    return;
  }
}

WatchReactor::Progress WatchReactor::Step(const Notes& notes, Where where) {
  if (notes.cancelled) return End(absl::CancelledError("the client is gone"));
  if (notes.draining) return End(Draining());
  if (last_written_) return End(absl::OkStatus());
  if (!follower_.has_value()) {
    if (const absl::Status status = OpenFollower(); !status.ok()) return End(status);
  }
  if (waiting_) {
    if (const auto progress = StepWhileWaiting(notes)) return *progress;
  }
  return Read(where);
}

std::optional<WatchReactor::Progress> WatchReactor::StepWhileWaiting(const Notes& notes) {
  if (notes.woken) {
    waiting_ = false;
    follower_->SkipTo(notes.untouched);
    return std::nullopt;
  }
  if (!notes.heartbeat || !HeartbeatDue()) return Progress::kIdle;
  const std::optional<ChangeHub::Stand> head = streams_.hub_.Untouched(*this);
  if (!head.has_value()) return Progress::kIdle;  // being woken: that note is on its way
  // Nothing came that this stream covers, so its bookmark moves to the head without reading a
  // thing.
  follower_->SkipTo(head->revision);
  Follower::Batch bookmark;
  bookmark.revision = head->revision;
  bookmark.head = head->revision;
  return Write(bookmark);
}

WatchReactor::Progress WatchReactor::Read(Where where) {
  for (;;) {
    std::optional<Follower::Batch> batch = follower_->NextInMemory();
    if (!batch.has_value()) {
      if (where != Where::kExecutor) return Progress::kBlocks;
      absl::StatusOr<Follower::Batch> read = follower_->Next();
      if (!read.ok()) return End(read.status());
      batch = *std::move(read);
    }
    if (!follower_->in_snapshot()) reached_ = follower_->position().revision;
    const bool content =
        !batch->existing.empty() || !batch->changes.empty() || batch->snapshot_complete;
    if (content || batch->done || !wrote_any_ || HeartbeatDue()) {
      last_written_ = batch->done;
      ReadAhead();
      return Write(*batch);
    }
    if (!batch->caught_up) return Progress::kMore;
    caught_up_ = true;  // before the hub may wake this stream
    waiting_ = streams_.hub_.Wait(follower_->selection(), follower_->position().revision,
                                  shared_from_this());
    if (waiting_) return Progress::kIdle;
    caught_up_ = false;
  }
}

void WatchReactor::ReadAhead() {
  std::optional<ChangeQuery> query = follower_->QueryAhead();
  if (!query.has_value()) return;
  {
    MutexLock lock(mutex_);
    reading_ = true;
  }
  streams_.executor_.Post([self = shared_from_this(), query = *std::move(query)] {
    self->follower_->ReadAhead(query);
    {
      MutexLock lock(self->mutex_);
      self->reading_ = false;
      if (!self->NeedsPump()) return;
    }
    self->Pump(Where::kExecutor);
  });
}

absl::Status WatchReactor::OpenFollower() {
  const WatchRequest& watch = *request_;
  const ChangeHub::Stand head = streams_.hub_.head();
  FollowerOptions options;
  TRIBUTARY_ASSIGN_OR_RETURN(options.start, StartPosition(watch, head));
  options.selection = watch.selection;
  if (watch.request.stop_at_head) options.stop_at = head.revision;
  options.raw = format_.view == View::kFull;
  options.before = format_.include_previous;
  options.existing_filter = watch.filter;
  options.filter = watch.filter;
  follower_.emplace(streams_.store_, streams_.hub_, std::move(options));
  request_.reset();
  return absl::OkStatus();
}

absl::StatusOr<Position> WatchReactor::StartPosition(const WatchRequest& watch,
                                                     const ChangeHub::Stand& head) {
  const Request& request = watch.request;
  const TokenBinding binding{streams_.store_.id(), watch.selection, request.filter, "",
                             watch.feed != nullptr};
  tokens_.emplace(binding);
  if (!request.resume_token.empty()) return ResumedPosition(request.resume_token, binding, head);
  if (request.after_revision.has_value()) {
    TRIBUTARY_RETURN_IF_ERROR(
        CheckReached("after_revision", *request.after_revision, head.revision));
    return Position::Tail(*request.after_revision);
  }
  switch (request.start) {
    case WatchStart::kNow:
      return Position::Tail(head.revision);
    case WatchStart::kBeginning:
      return Position::Tail(0);
    case WatchStart::kSnapshot:
      break;
  }
  if (watch.filter != nullptr && watch.filter->is_event()) return EventFilterNeedsPosition();
  snapshot_revision_ = head.revision;
  snapshot_committed_us_ = head.committed_us;
  return Position::Snapshot(head.revision);
}

absl::Status WatchReactor::CheckReached(std::string_view field, Revision revision, Revision head) {
  if (revision <= head) return absl::OkStatus();
  // A List may have seen what is durable and about to be published.
  TRIBUTARY_ASSIGN_OR_RETURN(const Head stored, streams_.store_.GetHead());
  if (revision <= stored.revision) return absl::OkStatus();
  return InFuture(field, revision, stored.revision);
}

absl::StatusOr<Position> WatchReactor::ResumedPosition(const std::string& token,
                                                       const TokenBinding& binding,
                                                       const ChangeHub::Stand& head) {
  TRIBUTARY_ASSIGN_OR_RETURN(ResumePoint point, DecodeResumeToken(token, binding));
  const Revision revision = point.position.revision;
  TRIBUTARY_RETURN_IF_ERROR(CheckReached("resume_token", point.position.newest(), head.revision));
  if (point.committed_us != 0) {
    TRIBUTARY_ASSIGN_OR_RETURN(const std::optional<int64_t> committed_us,
                               streams_.store_.CommittedAt(revision));
    if (committed_us.has_value() && *committed_us != point.committed_us) return RestoredStore();
  }
  snapshot_revision_ = revision;
  snapshot_committed_us_ = point.committed_us;
  return std::move(point.position);
}

int64_t WatchReactor::CommittedAt(const Follower::Batch& batch) const {
  const Revision revision = follower_->position().revision;
  if (batch.committed_us != 0) return batch.committed_us;
  if (revision == snapshot_revision_) return snapshot_committed_us_;
  const ChangeHub::Stand head = streams_.hub_.head();
  return head.revision == revision ? head.committed_us : 0;
}

WatchReactor::Progress WatchReactor::Write(const Follower::Batch& batch) {
  WatchResponse response(format_);
  for (const Record& record : batch.existing) {
    AppendExisting(response.own(), record, format_);
  }
  response.Add(batch.changes);
  std::string& own = response.own();
  wire::AppendBytes(own, kResumeToken, tokens_->Encode(follower_->position(), CommittedAt(batch)));
  wire::AppendUint(own, kRevision, static_cast<uint64_t>(batch.revision));
  wire::AppendUint(own, kSnapshotComplete, batch.snapshot_complete ? 1 : 0);
  wire::AppendUint(own, kHeadRevision, static_cast<uint64_t>(batch.head));
  message_ = response.Finish();
  method_.bytes.Add(message_.Length());
  streams_.metrics_.messages.Add();
  size_t changes = batch.existing.size();
  for (const ChangeRun& run : batch.changes) changes += run.count;
  streams_.metrics_.changes.Add(changes);
  wrote_any_ = true;
  NoteSent();
  {
    MutexLock lock(mutex_);
    writing_ = true;
  }
  StartWrite(&message_);
  return Progress::kWrote;
}

void WatchReactor::NoteSent() {
  last_sent_ = Clock::now();
  beat_at_.store((last_sent_ + heartbeat_interval_).time_since_epoch().count(),
                 std::memory_order_relaxed);
}

WatchReactor::Progress WatchReactor::End(const absl::Status& status) {
  LogCall(method_.name, request_id_, status);
  method_.CountCall(status.code());
  if (waiting_) streams_.hub_.Cancel(*this);
  grpc::Status mapped;
  {
    MutexLock lock(call_mutex_);
    mapped = ToGrpcStatus(status, *call_);
  }
  {
    MutexLock lock(mutex_);
    ended_ = true;
  }
  Finish(mapped);
  return Progress::kEnded;
}

}  // namespace tributary
