#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/mutex.h"
#include "server/serve/token.h"
#include "server/serve/watch_response.h"
#include "server/serve/watch_streams.h"
#include "server/watch/change_hub.h"
#include "server/watch/follower.h"

namespace tributary {

// Pumps one Follower into one stream. gRPC's reactions, the hub and the heartbeats only leave a
// note and see that the pump runs; the pump runs once at a time per stream, and alone reads, writes
// and finishes. It runs where the note was left as long as the hub's window has what it needs, and
// on the executor where it may have to wait for the disk. One message is under way at a time, and
// where few streams are behind the window the page after it is read meanwhile: a client that takes
// nothing costs one message, or that and one page.
class WatchReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                           public ChangeHub::Waiter,
                           public std::enable_shared_from_this<WatchReactor> {
 public:
  using Clock = std::chrono::steady_clock;

  WatchReactor(WatchStreams& streams, grpc::CallbackServerContext* call, WatchRequest request,
               std::string request_id);

  // Call once, before anything else. The reactor keeps itself alive until OnDone.
  void Begin();
  void Drain();
  void TryCancel() ABSL_LOCKS_EXCLUDED(call_mutex_);

  // The revision up to which the tail was read; kAll while nothing is left to send, kNothing until
  // the snapshot was sent.
  static constexpr Revision kNothing = -1;
  static constexpr Revision kAll = std::numeric_limits<Revision>::max();
  Revision reached() const { return caught_up_ ? kAll : reached_.load(); }

  // True, once for each time, when nothing was sent for an interval: then call Beat.
  bool IsBeatDue(Clock::time_point now);
  void Beat();

  void Wake(Revision untouched) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // What happened since the pump last looked.
  struct Notes {
    bool woken = false;      // the hub has more
    bool heartbeat = false;  // nothing was sent for an interval
    bool cancelled = false;  // the client is gone, or a write failed
    bool draining = false;
    Revision untouched = 0;  // if woken: nothing came up to it
  };
  enum class Where { kAnywhere, kExecutor };  // only on the executor the pump may wait for the disk
  enum class Progress {
    kWrote,   // a message is under way: go on when it is taken
    kMore,    // nothing to send yet, but more to read
    kBlocks,  // to go on takes the disk
    kIdle,    // nothing to do until a note is left
    kEnded,
  };

  // Leaves a note (a flag of notes_); true: the caller has to see that the pump runs.
  bool Leave(bool Notes::*note) ABSL_LOCKS_EXCLUDED(mutex_);
  bool NeedsPump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PostPump();
  void Pump(Where where) ABSL_LOCKS_EXCLUDED(mutex_);
  Progress Step(const Notes& notes, Where where);
  Progress Read(Where where);
  // Has the follower's next page read while a message is made and written.
  void ReadAhead() ABSL_LOCKS_EXCLUDED(mutex_);
  // nullopt: the wait is over, read.
  std::optional<Progress> StepWhileWaiting(const Notes& notes);

  absl::Status OpenFollower();
  absl::StatusOr<Position> StartPosition(const WatchRequest& watch, const ChangeHub::Stand& head);
  absl::Status CheckReached(std::string_view field, Revision revision, Revision head);
  absl::StatusOr<Position> ResumedPosition(const std::string& token, const TokenBinding& binding,
                                           const ChangeHub::Stand& head);
  Progress Write(const Follower::Batch& batch);
  int64_t CommittedAt(const Follower::Batch& batch) const;
  bool HeartbeatDue() const { return Clock::now() - last_sent_ >= heartbeat_interval_; }
  void NoteSent();
  Progress End(const absl::Status& status);

  WatchStreams& streams_;
  MethodMetrics& method_;
  const std::string request_id_;
  const ChangeFormat format_;
  const std::chrono::milliseconds heartbeat_interval_;
  std::shared_ptr<WatchReactor> self_;
  std::atomic<Clock::rep> beat_at_;

  Mutex call_mutex_;
  grpc::CallbackServerContext* call_ ABSL_GUARDED_BY(call_mutex_);  // null once the call is over

  Mutex mutex_;
  Notes notes_ ABSL_GUARDED_BY(mutex_);
  bool noted_ ABSL_GUARDED_BY(mutex_) = false;    // since the pump last looked
  bool pumping_ ABSL_GUARDED_BY(mutex_) = false;  // the pump runs or is about to
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;  // ahead of what is written
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;

  // For those who ask from outside; the pump knows better.
  std::atomic<Revision> reached_ = kNothing;
  std::atomic<bool> caught_up_ = false;  // nothing came since everything was sent

  // Only the pump touches what follows.
  std::unique_ptr<const WatchRequest> request_;  // until the follower is there
  std::optional<Follower> follower_;
  std::optional<ResumeTokens> tokens_;
  Revision snapshot_revision_ = 0;
  int64_t snapshot_committed_us_ = 0;
  bool waiting_ = false;  // with the hub
  bool wrote_any_ = false;
  bool last_written_ = false;  // the message that ends a bounded stream is out
  Clock::time_point last_sent_;
  grpc::ByteBuffer message_;  // must live until OnWriteDone
};

}  // namespace tributary
