#include "server/ingest/committer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

// A transaction's size: large enough that its fsync costs little for each, small enough that the
// first of a long queue is not kept waiting for the last.
constexpr size_t kBatchDeliveriesMax = 1024;
constexpr size_t kBatchBytesMax = 16 * 1024 * 1024;

constexpr int64_t kRetryAfterMs = 1000;

size_t BytesOf(const Delivery& delivery) {
  size_t bytes = sizeof(Delivery) + delivery.connector_id.size() + delivery.owner_id.size() +
                 delivery.event.size() + delivery.resource_id.size() +
                 delivery.idempotency_key.size() + delivery.body.capacity() +
                 delivery.body_if_superseded.capacity() + delivery.problem.size();
  for (const Mutation& mutation : delivery.mutations) {
    bytes += sizeof(Mutation) + mutation.key.model.size() + mutation.key.connector_id.size() +
             mutation.key.owner_id.size() + mutation.key.id.size() + mutation.state.capacity() +
             mutation.raw.capacity();
  }
  return bytes;
}

absl::Status Refused(std::string_view reason, std::string_view message) {
  ErrorDetail detail;
  detail.reason = reason;
  detail.retry_after_ms = kRetryAfterMs;
  return MakeError(absl::StatusCode::kUnavailable, message, std::move(detail));
}

absl::Status Stopping() {
  return Refused(reason::kServerDraining, "the server is shutting down: try again");
}

// Shares of the queue that one kind of sender may fill: the whole, or one part of so many.
constexpr size_t kWhole = 1;
constexpr size_t kHalf = 2;

}  // namespace

Committer::Committer(Store& store, Publish publish, CommitterOptions options, Prepare prepare)
    : store_(store),
      publish_(std::move(publish)),
      prepare_(std::move(prepare)),
      options_(options),
      writer_([this] { Run(); }) {}

Committer::~Committer() { Shutdown(); }

void Committer::Batch::Clear() {
  deliveries.clear();
  senders.clear();
  bytes = 0;
}

absl::Status Committer::Submit(Delivery delivery, Answer answer) {
  const size_t bytes = BytesOf(delivery);
  bool was_empty = false;
  {
    MutexLock lock(mutex_);
    if (stopping_) return Stopping();
    const size_t waiting = queue_.deliveries.size();
    was_empty = waiting == 0;
    if (!HasRoom(bytes, kWhole)) {
      return Refused(reason::kOverloaded,
                     absl::StrCat("queue of ", waiting, " deliveries, ", queue_.bytes,
                                  " bytes: there must be room for one more"));
    }
    Enqueue(std::move(delivery), std::move(answer), bytes);
  }
  // Who put the first one into it has woken the writer, which looks again before it sleeps.
  if (was_empty) ready_.NotifyOne();
  return absl::OkStatus();
}

absl::StatusOr<bool> Committer::Offer(Delivery& delivery, Answer answer,
                                      std::function<void()> room) {
  const size_t bytes = BytesOf(delivery);
  bool was_empty = false;
  {
    MutexLock lock(mutex_);
    if (stopping_) return Stopping();
    was_empty = queue_.deliveries.empty();
    if (!HasRoom(bytes, kHalf)) {
      // The queue is not empty, so that the writer will take it and tell.
      waiting_.push_back(std::move(room));
      return false;
    }
    Enqueue(std::move(delivery), std::move(answer), bytes);
  }
  if (was_empty) ready_.NotifyOne();
  return true;
}

bool Committer::HasRoom(size_t bytes, size_t share) const {
  const size_t waiting = queue_.deliveries.size();
  return waiting == 0 || (waiting < options_.deliveries_max / share &&
                          queue_.bytes + bytes <= options_.bytes_max / share);
}

void Committer::Enqueue(Delivery delivery, Answer answer, size_t bytes) {
  queue_.deliveries.push_back(std::move(delivery));
  queue_.senders.push_back({std::move(answer), Stopwatch()});
  queue_.bytes += bytes;
}

Committer::Queue Committer::queue() const {
  MutexLock lock(mutex_);
  return {queue_.deliveries.size(), queue_.bytes};
}

void Committer::Shutdown() {
  std::thread writer;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    writer.swap(writer_);
  }
  ready_.NotifyAll();
  if (writer.joinable()) writer.join();
}

void Committer::Run() {
  // Trades places with the queue again and again, so that neither has to grow anew.
  Batch batch;
  while (Take(batch)) {
    CommitInPieces(batch);
    batch.Clear();
  }
}

// False if there will be nothing any more.
bool Committer::Take(Batch& batch) {
  std::vector<std::function<void()>> waiting;
  {
    MutexLock lock(mutex_);
    while (queue_.deliveries.empty() && !stopping_) ready_.Wait(mutex_);
    std::swap(batch, queue_);
    waiting.swap(waiting_);
  }
  for (const std::function<void()>& room : waiting) room();
  return !batch.deliveries.empty();
}

void Committer::CommitInPieces(Batch& batch) {
  const std::span<Delivery> deliveries(batch.deliveries);
  const std::span<const Sender> senders(batch.senders);
  if (deliveries.size() <= kBatchDeliveriesMax && batch.bytes <= kBatchBytesMax) {
    CommitAndAnswer(deliveries, senders);
    return;
  }
  for (size_t first = 0; first < deliveries.size();) {
    size_t count = 0;
    for (size_t bytes = 0; first + count < deliveries.size(); ++count) {
      bytes += BytesOf(deliveries[first + count]);
      if (count > 0 && (count >= kBatchDeliveriesMax || bytes > kBatchBytesMax)) break;
    }
    CommitAndAnswer(deliveries.subspan(first, count), senders.subspan(first, count));
    first += count;
  }
}

void Committer::CommitAndAnswer(std::span<Delivery> deliveries, std::span<const Sender> senders) {
  const Stopwatch stopwatch;
  if (prepare_) prepare_(deliveries);
  absl::StatusOr<Committed> committed = store_.Commit(deliveries);
  if (absl::IsDataLoss(committed.status()) && deliveries.size() > 1) {
    // One of them touches a damaged row. It must not fail the others, now and at every retry.
    for (size_t i = 0; i < deliveries.size(); ++i) {
      CommitAndAnswer(deliveries.subspan(i, 1), senders.subspan(i, 1));
    }
    return;
  }
  if (committed.ok() && committed->outcomes.size() != deliveries.size()) {
    committed = MakeError(absl::StatusCode::kInternal,
                          absl::StrCat("the store gave ", committed->outcomes.size(),
                                       " outcomes for ", deliveries.size(), " deliveries"),
                          reason::kInternal);
  }
  if (!committed.ok()) {
    LogWarning(absl::StrCat("batch of ", deliveries.size(),
                            " deliveries not committed, their senders have to try again: ",
                            committed.status().message()));
    metrics_.failed.Add(senders.size());
    for (const Sender& sender : senders) sender.answer(committed.status());
    return;
  }
  metrics_.batch.Observe(deliveries.size());
  metrics_.commit.Observe(stopwatch.elapsed());
  publish_(*committed);
  for (size_t i = 0; i < senders.size(); ++i) {
    const Outcome& outcome = committed->outcomes[i];
    metrics_.deliveries[static_cast<size_t>(outcome.verdict) - 1].Add();
    metrics_.acknowledged.Observe(senders[i].since_queued.elapsed());
    senders[i].answer(outcome);
  }
}

}  // namespace tributary
