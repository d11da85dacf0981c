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
      watch_(std::move(request)),
      request_id_(std::move(request_id)),
      binding_{streams.store_.id(), watch_.selection, watch_.request.filter, ""},
      heartbeat_interval_(watch_.request.heartbeat_ms),
      call_(call),
      last_sent_(std::chrono::steady_clock::now()) {}

void WatchReactor::Begin() {
  self_ = shared_from_this();
  StartSendInitialMetadata();
  Leave(nullptr);
}

void WatchReactor::Drain() { Leave(&Notes::draining); }

void WatchReactor::TryCancel() {
  MutexLock lock(call_mutex_);
  if (call_ != nullptr) call_->TryCancel();
}

void WatchReactor::OnWriteDone(bool ok) {
  {
    MutexLock lock(mutex_);
    writing_ = false;
  }
  Leave(ok ? nullptr : &Notes::cancelled);
}

void WatchReactor::OnCancel() { Leave(&Notes::cancelled); }

void WatchReactor::OnDone() {
  {
    MutexLock lock(call_mutex_);
    call_ = nullptr;
  }
  const std::shared_ptr<WatchReactor> last = std::move(self_);  // *this may go when this one goes
  streams_.Closed(last);
}

void WatchReactor::Leave(bool Notes::*note) {
  {
    MutexLock lock(mutex_);
    if (note != nullptr) notes_.*note = true;
    noted_ = true;
    // While a message is under way there is nothing to do: OnWriteDone comes back here.
    if (pumping_ || writing_ || ended_) return;
    pumping_ = true;
  }
  streams_.executor_.Post([self = shared_from_this()] { self->Pump(); });
}

void WatchReactor::Pump() {
  for (;;) {
    Notes notes;
    {
      MutexLock lock(mutex_);
      notes = notes_;
      notes_.woken = notes_.heartbeat = false;  // the others hold for good
      noted_ = false;
    }
    const Progress progress = Step(notes);
    if (notes.heartbeat && progress != Progress::kEnded) ArmHeartbeat();
    if (progress == Progress::kMore) break;
    MutexLock lock(mutex_);
    const bool go_on =
        progress == Progress::kWrote ? !writing_ : progress == Progress::kIdle && noted_;
    if (go_on) continue;
    pumping_ = false;
    return;
  }
  // Other streams may have work too: back to the end of the queue.
  streams_.executor_.Post([self = shared_from_this()] { self->Pump(); });
}

WatchReactor::Progress WatchReactor::Step(const Notes& notes) {
  if (notes.cancelled) return End(absl::CancelledError("the client is gone"));
  if (notes.draining) return End(Draining());
  if (last_written_) return End(absl::OkStatus());
  if (!follower_.has_value()) {
    if (const absl::Status status = OpenFollower(); !status.ok()) return End(status);
    ArmHeartbeat();
  }
  if (wait_id_ != 0) {
    if (const auto progress = StepWhileWaiting(notes)) return *progress;
  }
  return Read();
}

std::optional<WatchReactor::Progress> WatchReactor::StepWhileWaiting(const Notes& notes) {
  if (notes.woken) {
    wait_id_ = 0;
    return std::nullopt;
  }
  if (!notes.heartbeat || !HeartbeatDue()) return Progress::kIdle;
  const std::optional<ChangeHub::Stand> head = streams_.hub_.Untouched(wait_id_);
  if (!head.has_value()) {
    wait_id_ = 0;
    return std::nullopt;
  }
  // Nothing came that this stream covers, so its bookmark moves to the head without reading a
  // thing.
  follower_->SkipTo(head->revision);
  Follower::Batch bookmark;
  bookmark.revision = head->revision;
  bookmark.head = head->revision;
  return Write(bookmark);
}

WatchReactor::Progress WatchReactor::Read() {
  absl::StatusOr<Follower::Batch> batch = follower_->Next();
  if (!batch.ok()) return End(batch.status());
  if (!follower_->in_snapshot()) reached_ = follower_->position().revision;
  const bool content =
      !batch->existing.empty() || !batch->changes.empty() || batch->snapshot_complete;
  if (content || batch->done || !wrote_any_ || HeartbeatDue()) {
    last_written_ = batch->done;
    return Write(*batch);
  }
  if (!batch->caught_up) return Progress::kMore;
  waiting_ = true;
  wait_id_ = streams_.hub_.Wait(follower_->selection(), follower_->position().revision,
                                [self = shared_from_this()] {
                                  self->waiting_ = false;
                                  self->Leave(&Notes::woken);
                                });
  if (wait_id_ == 0) waiting_ = false;
  return wait_id_ != 0 ? Progress::kIdle : Progress::kMore;
}

absl::Status WatchReactor::OpenFollower() {
  const ChangeHub::Stand head = streams_.hub_.head();
  FollowerOptions options;
  options.selection = watch_.selection;
  TRIBUTARY_ASSIGN_OR_RETURN(options.start, StartPosition(head));
  if (watch_.request.stop_at_head) options.stop_at = head.revision;
  options.raw = watch_.request.view == View::kFull;
  options.before = watch_.request.include_previous;
  follower_.emplace(streams_.store_, streams_.hub_, std::move(options));
  return absl::OkStatus();
}

absl::StatusOr<Position> WatchReactor::StartPosition(const ChangeHub::Stand& head) {
  const Request& request = watch_.request;
  if (!request.resume_token.empty()) return ResumedPosition(head);
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

absl::StatusOr<Position> WatchReactor::ResumedPosition(const ChangeHub::Stand& head) {
  TRIBUTARY_ASSIGN_OR_RETURN(ResumePoint point,
                             DecodeResumeToken(watch_.request.resume_token, binding_));
  const Revision revision = point.position.revision;
  TRIBUTARY_RETURN_IF_ERROR(CheckReached("resume_token", revision, head.revision));
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
  if (!batch.changes.empty() && batch.changes.back()->revision == revision) {
    return batch.changes.back()->committed_us;
  }
  if (revision == snapshot_revision_) return snapshot_committed_us_;
  const ChangeHub::Stand head = streams_.hub_.head();
  return head.revision == revision ? head.committed_us : 0;
}

WatchReactor::Progress WatchReactor::Write(const Follower::Batch& batch) {
  const View view = watch_.request.view;
  std::string response;
  for (const Record& record : batch.existing) AppendExisting(response, record, view);
  for (const ChangePtr& change : batch.changes) {
    AppendChange(response, *change, view, watch_.request.include_previous);
  }
  wire::AppendBytes(response, kResumeToken,
                    EncodeResumeToken(binding_, follower_->position(), CommittedAt(batch)));
  wire::AppendUint(response, kRevision, static_cast<uint64_t>(batch.revision));
  wire::AppendUint(response, kSnapshotComplete, batch.snapshot_complete ? 1 : 0);
  wire::AppendUint(response, kHeadRevision, static_cast<uint64_t>(batch.head));
  watch_.method.bytes.Add(response.size());
  streams_.metrics_.messages.Add();
  streams_.metrics_.changes.Add(batch.existing.size() + batch.changes.size());
  message_ = ToByteBuffer(std::move(response));
  wrote_any_ = true;
  last_sent_ = std::chrono::steady_clock::now();
  {
    MutexLock lock(mutex_);
    writing_ = true;
  }
  StartWrite(&message_);
  return Progress::kWrote;
}

bool WatchReactor::HeartbeatDue() const {
  return std::chrono::steady_clock::now() - last_sent_ >= heartbeat_interval_;
}

void WatchReactor::ArmHeartbeat() {
  // A new alarm each time: one must not be set again while its own callback may still run.
  const auto left = last_sent_ + heartbeat_interval_ - std::chrono::steady_clock::now();
  heartbeat_ = std::make_unique<grpc::Alarm>();
  heartbeat_->Set(std::chrono::system_clock::now() +
                      std::chrono::duration_cast<std::chrono::system_clock::duration>(left),
                  [self = shared_from_this()](bool fired) {
                    if (fired) self->Leave(&Notes::heartbeat);
                  });
}

WatchReactor::Progress WatchReactor::End(const absl::Status& status) {
  LogCall(watch_.method.name, request_id_, status);
  watch_.method.CountCall(status.code());
  if (wait_id_ != 0) streams_.hub_.Cancel(wait_id_);
  heartbeat_.reset();
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
