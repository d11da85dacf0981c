#include "server/serve/ingest_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/wire.h"
#include "server/serve/call.h"
#include "server/serve/encode.h"
#include "server/serve/grpc_status.h"
#include "server/serve/parse_request.h"

namespace tributary {
namespace {

// What the pump takes of a message before other work of the executor has its turn: some hundreds of
// microseconds.
constexpr int kEventsPerTurn = 64;
constexpr size_t kBytesPerTurn = 256 * 1024;

// Messages are read so far ahead of the pump, so that many small ones need not each wait for it.
constexpr size_t kBytesAhead = 64 * 1024;

// Field number of IngestEventsResponse.results.
constexpr uint32_t kResults = 1;

absl::Status Draining() {
  ErrorDetail detail;
  detail.reason = reason::kServerDraining;
  detail.retry_after_ms = 1000;
  return MakeError(absl::StatusCode::kUnavailable,
                   "this server is stopping; send again what has no result", std::move(detail));
}

}  // namespace

IngestStream::IngestStream(IngestStreams& streams, grpc::CallbackServerContext* call,
                           MethodMetrics& method, std::string request_id)
    : streams_(streams),
      method_(method),
      request_id_(std::move(request_id)),
      remote_address_(AddressOfPeer(call->peer())),
      call_(call) {}

void IngestStream::Begin() {
  self_ = shared_from_this();
  StartSendInitialMetadata();
  PostPump();
}

void IngestStream::TryCancel() {
  MutexLock lock(call_mutex_);
  if (call_ != nullptr) call_->TryCancel();
}

void IngestStream::OnReadDone(bool ok) {
  bool reads_on = false;
  bool pumps = false;
  {
    MutexLock lock(mutex_);
    reading_ = false;
    if (!ok) {
      notes_.half_closed = true;
    } else if (!failed_) {  // else it was under way when the stream failed, and counts as never
                            // read
      inbox_bytes_ += incoming_.Length();
      inbox_.emplace_back();
      inbox_.back().Swap(&incoming_);
    }
    reads_on = BeginRead();
    pumps = NeedsPump();
  }
  if (reads_on) StartRead(&incoming_);
  if (pumps) PostPump();
}

void IngestStream::OnWriteDone(bool ok) {
  {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) notes_.cancelled = true;
    if (!NeedsPump()) return;
  }
  PostPump();
}

void IngestStream::OnDone() {
  {
    MutexLock lock(call_mutex_);
    call_ = nullptr;
  }
  const std::shared_ptr<IngestStream> last = std::move(self_);  // *this may go when this one goes
  streams_.Closed(last);
}

void IngestStream::Leave(bool Notes::*note) {
  {
    MutexLock lock(mutex_);
    notes_.*note = true;
    if (!NeedsPump()) return;
  }
  PostPump();
}

bool IngestStream::NeedsPump() {
  noted_ = true;
  if (pumping_ || ended_) return false;
  pumping_ = true;
  return true;
}

void IngestStream::PostPump() {
  streams_.executor_.Post([self = shared_from_this()] { self->Pump(); });
}

void IngestStream::Pump() {
  for (;;) {
    Notes notes;
    {
      MutexLock lock(mutex_);
      notes = notes_;
      notes_.room = false;
      noted_ = false;
    }
    const bool more = Step(notes);
    // Others may have work too: to the end of the queue.
    if (more) return PostPump();
    MutexLock lock(mutex_);
    if (ended_) return;
    if (noted_) continue;
    pumping_ = false;
    return;
  }
}

bool IngestStream::Step(const Notes& notes) {
  if (notes.cancelled) {
    Fail(absl::CancelledError("the client is gone"));
    DropSlots();
    EndIfDone(notes);
    return false;
  }
  if (held_.has_value() && notes.room && Queue(held_->number, held_->delivery)) held_.reset();
  const bool more = TakeUp();
  WriteResults();
  ReadOn();
  EndIfDone(notes);
  return more;
}

bool IngestStream::TakeUp() {
  size_t bytes = 0;
  for (int taken = 0; taken < kEventsPerTurn && bytes < kBytesPerTurn; ++taken) {
    if (held_.has_value()) return false;
    if (next_event_ == message_.events_size()) {
      if (!OpenMessage()) return false;
    } else {
      bytes += TakeEvent(std::move(*message_.mutable_events(next_event_++)));
    }
  }
  return true;
}

bool IngestStream::OpenMessage() {
  message_.Clear();
  next_event_ = 0;
  grpc::ByteBuffer bytes;
  bool done = false;
  {
    MutexLock lock(mutex_);
    if (inbox_.empty()) {
      done = std::exchange(in_hand_, false);
    } else if (!HasRoom()) {
      return false;
    } else {
      bytes.Swap(&inbox_.front());
      inbox_.pop_front();
      inbox_bytes_ -= bytes.Length();
      in_hand_ = true;
    }
  }
  if (done) streams_.Queued();
  if (!bytes.Valid()) return false;
  auto message = ParseRequest<ingest::v1::IngestEventsRequest>(bytes);
  absl::Status status = message.status();
  if (status.ok() && message->events_size() > limits::kIngestMessageEventsMax) {
    status = InvalidField(
        "events", absl::StrCat("has ", message->events_size(), " events, at most ",
                               limits::kIngestMessageEventsMax, " are allowed in one message"));
  }
  if (status.ok()) {
    message_ = *std::move(message);
  } else {
    Fail(status);
  }
  return status.ok();
}

size_t IngestStream::TakeEvent(ingest::v1::Event event) {
  Slot slot;
  const size_t bytes = slot.bytes = event.ByteSizeLong();
  slot.event = streams_.reader_.Read(std::move(event), remote_address_, memory_);
  const bool refused = slot.event.refusal.has_value();
  Delivery delivery = std::move(slot.event.decoded.delivery);
  uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    number = first_ + slots_.size();
    slot_bytes_ += bytes;
    slots_.push_back(std::move(slot));
  }
  if (!refused && !Queue(number, delivery)) held_.emplace(Held{number, std::move(delivery)});
  return bytes;
}

bool IngestStream::Queue(uint64_t number, Delivery& delivery) {
  const absl::StatusOr<bool> queued = streams_.offer_(
      delivery,
      [self = shared_from_this(), number](const absl::StatusOr<Outcome>& outcome) {
        self->Put(number, outcome);
      },
      [self = shared_from_this()] { self->Leave(&Notes::room); });
  if (queued.ok()) return *queued;
  Put(number, queued.status());
  Fail(queued.status());
  return true;
}

// On the writer's thread, mostly: nothing is worked on here.
void IngestStream::Put(uint64_t number, const absl::StatusOr<Outcome>& outcome) {
  {
    MutexLock lock(mutex_);
    if (number < first_ || number - first_ >= slots_.size()) return;  // nobody waits any more
    slots_[number - first_].outcome = outcome;
    if (number != first_ || writing_ || !NeedsPump()) return;
  }
  PostPump();
}

// Nothing more is taken up. What was has its results still, up to the first that failed.
void IngestStream::Fail(const absl::Status& status) {
  if (why_end_.ok()) why_end_ = status;
  message_.Clear();
  next_event_ = 0;
  held_.reset();
  {
    MutexLock lock(mutex_);
    failed_ = true;
    in_hand_ = false;
    inbox_.clear();
    inbox_bytes_ = 0;
  }
  streams_.Queued();
}

void IngestStream::DropSlots() {
  MutexLock lock(mutex_);
  first_ += slots_.size();
  slots_.clear();
  slot_bytes_ = 0;
}

void IngestStream::WriteResults() {
  {
    MutexLock lock(mutex_);
    if (writing_) return;
  }
  std::string response;
  for (int count = 0; count < limits::kIngestResponseResultsMax &&
                      response.size() < limits::kIngestResponseBytesMax;
       ++count) {
    const std::optional<Slot> slot = NextResult();
    if (!slot.has_value()) break;
    const absl::StatusOr<ingest::v1::EventResult> result =
        ResultOf(slot->event, slot->outcome.value_or(Outcome()));
    if (!result.ok()) {
      Fail(result.status());
      DropSlots();  // a result out of its order would say that those before it were stored
      break;
    }
    wire::AppendBytes(response, kResults, result->SerializeAsString());
  }
  if (response.empty()) return;
  outgoing_ = ToByteBuffer(std::move(response));
  method_.bytes.Add(outgoing_.Length());
  {
    MutexLock lock(mutex_);
    writing_ = true;
  }
  StartWrite(&outgoing_);
}

std::optional<IngestStream::Slot> IngestStream::NextResult() {
  MutexLock lock(mutex_);
  if (slots_.empty() || !slots_.front().HasResult()) return std::nullopt;
  Slot slot = std::move(slots_.front());
  slots_.pop_front();
  ++first_;
  slot_bytes_ -= slot.bytes;
  return slot;
}

bool IngestStream::HasRoom() const {
  return slots_.size() <= limits::kIngestWindowEventsMax &&
         slot_bytes_ <= limits::kIngestWindowBytesMax;
}

bool IngestStream::BeginRead() {
  if (reading_ || failed_ || ended_ || notes_.half_closed || notes_.draining ||
      inbox_bytes_ >= kBytesAhead || !HasRoom()) {
    return false;
  }
  reading_ = true;
  return true;
}

void IngestStream::ReadOn() {
  {
    MutexLock lock(mutex_);
    if (!BeginRead()) return;
  }
  StartRead(&incoming_);
}

bool IngestStream::has_in_hand() {
  MutexLock lock(mutex_);
  return in_hand_ || !inbox_.empty();
}

void IngestStream::EndIfDone(const Notes& notes) {
  {
    MutexLock lock(mutex_);
    if (writing_ || in_hand_ || !inbox_.empty() || !slots_.empty()) return;
  }
  if (!why_end_.ok()) return End(why_end_);
  if (notes.half_closed) return End(absl::OkStatus());
  if (notes.draining) return End(Draining());
}

void IngestStream::End(const absl::Status& status) {
  LogCall(method_.name, request_id_, status);
  method_.CountCall(status.code());
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
}

}  // namespace tributary
