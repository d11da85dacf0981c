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
                 delivery.idempotency_key.size() + delivery.body.size() +
                 delivery.body_if_superseded.size() + delivery.problem.size();
  for (const Mutation& mutation : delivery.mutations) {
    bytes += sizeof(Mutation) + mutation.key.model.size() + mutation.key.connector_id.size() +
             mutation.key.owner_id.size() + mutation.key.id.size() + mutation.state.size() +
             mutation.raw.size();
  }
  return bytes;
}

absl::Status Refused(std::string_view reason, std::string_view message) {
  ErrorDetail detail;
  detail.reason = reason;
  detail.retry_after_ms = kRetryAfterMs;
  return MakeError(absl::StatusCode::kUnavailable, message, std::move(detail));
}

}  // namespace

Committer::Committer(Store& store, Publish publish, CommitterOptions options)
    : store_(store), publish_(std::move(publish)), options_(options), writer_([this] { Run(); }) {}

Committer::~Committer() { Shutdown(); }

absl::Status Committer::Submit(Delivery delivery, Answer answer) {
  const size_t bytes = BytesOf(delivery);
  {
    MutexLock lock(mutex_);
    if (stopping_)
      return Refused(reason::kServerDraining, "the server is shutting down: try again");
    // An empty queue takes any delivery, or one that is larger than the bound could never be
    // committed.
    if (queue_.size() >= options_.deliveries_max ||
        (!queue_.empty() && queued_bytes_ + bytes > options_.bytes_max)) {
      return Refused(reason::kOverloaded,
                     absl::StrCat("queue of ", queue_.size(), " deliveries, ", queued_bytes_,
                                  " bytes: there must be room for one more"));
    }
    queue_.push_back({std::move(delivery), std::move(answer), bytes, Stopwatch()});
    queued_bytes_ += bytes;
  }
  ready_.NotifyOne();
  return absl::OkStatus();
}

Committer::Queue Committer::queue() const {
  MutexLock lock(mutex_);
  return {queue_.size(), queued_bytes_};
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
  for (;;) {
    std::vector<Waiting> taken;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) ready_.Wait(mutex_);
      if (queue_.empty()) return;
      taken.swap(queue_);
      queued_bytes_ = 0;
    }
    for (auto first = taken.begin(); first != taken.end();) {
      auto last = first;
      for (size_t bytes = 0; last != taken.end(); ++last) {
        bytes += last->bytes;
        const size_t count = static_cast<size_t>(last - first);
        if (count > 0 && (count >= kBatchDeliveriesMax || bytes > kBatchBytesMax)) break;
      }
      CommitBatch({std::make_move_iterator(first), std::make_move_iterator(last)});
      first = last;
    }
  }
}

void Committer::CommitBatch(std::vector<Waiting> batch) {
  std::vector<Delivery> deliveries;
  deliveries.reserve(batch.size());
  for (Waiting& waiting : batch) deliveries.push_back(std::move(waiting.delivery));
  CommitAndAnswer(deliveries, batch);
}

void Committer::CommitAndAnswer(std::span<const Delivery> deliveries,
                                std::span<const Waiting> waiting) {
  const Stopwatch stopwatch;
  absl::StatusOr<Committed> committed = store_.Commit(deliveries);
  if (absl::IsDataLoss(committed.status()) && deliveries.size() > 1) {
    // One of them touches a damaged row. It must not fail the others, now and at every retry.
    for (size_t i = 0; i < deliveries.size(); ++i) {
      CommitAndAnswer(deliveries.subspan(i, 1), waiting.subspan(i, 1));
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
    metrics_.failed.Add(waiting.size());
    for (const Waiting& one : waiting) one.answer(committed.status());
    return;
  }
  metrics_.batch.Observe(deliveries.size());
  metrics_.commit.Observe(stopwatch.elapsed());
  publish_(*committed);
  for (size_t i = 0; i < waiting.size(); ++i) {
    const Outcome& outcome = committed->outcomes[i];
    metrics_.deliveries[static_cast<size_t>(outcome.verdict) - 1].Add();
    metrics_.acknowledged.Observe(waiting[i].since_queued.elapsed());
    waiting[i].answer(outcome);
  }
}

}  // namespace tributary
