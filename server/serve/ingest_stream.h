#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/base/mutex.h"
#include "server/model/webhook_decoder.h"
#include "server/serve/ingest_event.h"
#include "server/serve/ingest_streams.h"
#include "server/serve/rpc_metrics.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

// One stream of events into the store and of their results back. gRPC's reactions and the writer
// only leave a note and see that the pump runs; the pump runs once at a time per stream, on the
// executor, and alone decodes, reads, writes and finishes.
//
// What is read is bounded: little is read ahead of the pump, and nothing is taken up while too many
// events wait for results. Where the writer has no room, the stream waits until it has.
class IngestStream final : public IngestStreams::Reactor,
                           public std::enable_shared_from_this<IngestStream> {
 public:
  IngestStream(IngestStreams& streams, grpc::CallbackServerContext* call, MethodMetrics& method,
               std::string request_id);

  // Call once, before anything else. The stream keeps itself alive until OnDone.
  void Begin();
  void Drain() { Leave(&Notes::draining); }
  void TryCancel() ABSL_LOCKS_EXCLUDED(call_mutex_);

  // Whether it has read what is not queued for the writer yet.
  bool has_in_hand() ABSL_LOCKS_EXCLUDED(mutex_);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { Leave(&Notes::cancelled); }
  void OnDone() override;

 private:
  // What is to be known of the call; all but `room` holds for good.
  struct Notes {
    bool half_closed = false;
    bool cancelled = false;  // the client is gone, or a write failed
    bool draining = false;
    bool room = false;  // the writer may have room again
  };
  // An event that waits for its result, or for the client to take it.
  struct Slot {
    IngestEvent event;
    size_t bytes = 0;  // of the event, as it was sent
    std::optional<absl::StatusOr<Outcome>> outcome;
    bool HasResult() const { return outcome.has_value() || event.refusal.has_value(); }
  };

  void Leave(bool Notes::*note) ABSL_LOCKS_EXCLUDED(mutex_);
  bool NeedsPump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PostPump();
  void Pump() ABSL_LOCKS_EXCLUDED(mutex_);
  // True: there is more to do at once.
  bool Step(const Notes& notes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes up what was read, event by event, for a turn. True: more could be taken up at once.
  bool TakeUp() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes the next message apart; false: there is none, or none may be taken up now.
  bool OpenMessage() ABSL_LOCKS_EXCLUDED(mutex_);
  // Decodes the event, and has it queued if there is room. Its size.
  size_t TakeEvent(ingest::v1::Event event) ABSL_LOCKS_EXCLUDED(mutex_);
  // False: there is no room for it now.
  bool Queue(uint64_t number, Delivery& delivery) ABSL_LOCKS_EXCLUDED(mutex_);
  void Put(uint64_t number, const absl::StatusOr<Outcome>& outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void DropSlots() ABSL_LOCKS_EXCLUDED(mutex_);

  void WriteResults() ABSL_LOCKS_EXCLUDED(mutex_);
  // The next slot that has its result, if a response may hold more.
  std::optional<Slot> NextResult() ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the events that wait are few enough to take up more.
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // True: the caller has to start a read.
  bool BeginRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadOn() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndIfDone(const Notes& notes) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  IngestStreams& streams_;
  MethodMetrics& method_;
  const std::string request_id_;
  const std::string remote_address_;
  std::shared_ptr<IngestStream> self_;

  Mutex call_mutex_;
  grpc::CallbackServerContext* call_ ABSL_GUARDED_BY(call_mutex_);  // null once the call is over

  Mutex mutex_;
  Notes notes_ ABSL_GUARDED_BY(mutex_);
  bool noted_ ABSL_GUARDED_BY(mutex_) = false;   // since the pump last looked
  bool pumping_ ABSL_GUARDED_BY(mutex_) = true;  // the pump runs or is about to
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<grpc::ByteBuffer> inbox_ ABSL_GUARDED_BY(mutex_);  // messages that were read
  size_t inbox_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool in_hand_ ABSL_GUARDED_BY(mutex_) = false;  // a message is being taken apart
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;   // nothing more is taken up
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 0;  // the number of the first slot
  size_t slot_bytes_ ABSL_GUARDED_BY(mutex_) = 0;

  grpc::ByteBuffer incoming_;  // gRPC's while reading_
  grpc::ByteBuffer outgoing_;  // must live until OnWriteDone

  // Only the pump touches what follows.
  DecodeMemory memory_;
  ingest::v1::IngestEventsRequest message_;  // in hand
  int next_event_ = 0;                       // of the message
  // An event for which there was no room, by its number.
  struct Held {
    uint64_t number;
    Delivery delivery;
  };
  std::optional<Held> held_;
  absl::Status why_end_;  // OK: it goes on
};

}  // namespace tributary
