#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/alarm.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/mutex.h"
#include "server/serve/token.h"
#include "server/serve/watch_streams.h"
#include "server/watch/follower.h"

namespace tributary {

// Pumps one Follower into one stream. gRPC's reactions, the hub and the heartbeat timer only leave
// a note and see that the pump runs; the pump runs on the executor, one at a time per stream, and
// alone reads, writes and finishes. One message is under way at a time, so a client that takes
// nothing costs one message.
class WatchReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                           public std::enable_shared_from_this<WatchReactor> {
 public:
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
  Revision reached() const { return waiting_ ? kAll : reached_.load(); }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // What happened since the pump last looked.
  struct Notes {
    bool woken = false;      // the hub has more
    bool heartbeat = false;  // the timer fired
    bool cancelled = false;  // the client is gone, or a write failed
    bool draining = false;
  };
  enum class Progress {
    kWrote,  // a message is under way: go on when it is taken
    kMore,   // nothing to send yet, but more to read
    kIdle,   // nothing to do until a note is left
    kEnded,
  };

  // Leaves a note (a flag of notes_) and sees that the pump runs.
  void Leave(bool Notes::*note) ABSL_LOCKS_EXCLUDED(mutex_);
  void Pump() ABSL_LOCKS_EXCLUDED(mutex_);
  Progress Step(const Notes& notes);
  Progress Read();
  // nullopt: the wait is over, read.
  std::optional<Progress> StepWhileWaiting(const Notes& notes);

  absl::Status OpenFollower();
  absl::StatusOr<Position> StartPosition(const ChangeHub::Stand& head);
  absl::Status CheckReached(std::string_view field, Revision revision, Revision head);
  absl::StatusOr<Position> ResumedPosition(const ChangeHub::Stand& head);
  Progress Write(const Follower::Batch& batch);
  int64_t CommittedAt(const Follower::Batch& batch) const;
  void ArmHeartbeat();
  bool HeartbeatDue() const;
  Progress End(const absl::Status& status);

  WatchStreams& streams_;
  const WatchRequest watch_;
  const std::string request_id_;
  const TokenBinding binding_;
  const std::chrono::milliseconds heartbeat_interval_;
  std::shared_ptr<WatchReactor> self_;

  Mutex call_mutex_;
  grpc::CallbackServerContext* call_ ABSL_GUARDED_BY(call_mutex_);  // null once the call is over

  Mutex mutex_;
  Notes notes_ ABSL_GUARDED_BY(mutex_);
  bool noted_ ABSL_GUARDED_BY(mutex_) = false;    // since the pump last looked
  bool pumping_ ABSL_GUARDED_BY(mutex_) = false;  // the pump runs or is about to
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;

  // For those who ask from outside; the pump knows better.
  std::atomic<Revision> reached_ = kNothing;
  std::atomic<bool> waiting_ = false;  // nothing came since everything was sent

  // Only the pump touches what follows.
  std::optional<Follower> follower_;
  Revision snapshot_revision_ = 0;
  int64_t snapshot_committed_us_ = 0;
  uint64_t wait_id_ = 0;  // with the hub; 0: not waiting
  bool wrote_any_ = false;
  bool last_written_ = false;  // the message that ends a bounded stream is out
  std::chrono::steady_clock::time_point last_sent_;
  std::unique_ptr<grpc::Alarm> heartbeat_;
  grpc::ByteBuffer message_;  // must live until OnWriteDone
};

}  // namespace tributary
