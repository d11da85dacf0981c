#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/limits.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"
#include "server/store/store.h"

namespace tributary {

struct CommitterOptions {
  size_t deliveries_max = limits::kQueueDeliveriesMax;  // waiting; more are refused
  size_t bytes_max = limits::kQueueBytesMax;
};

// What is measured of the way into the store.
struct CommitterMetrics {
  std::array<Counter, kVerdicts> deliveries;    // on record, by verdict
  Counter failed;                               // whose batch could not be committed
  Histogram batch{Histogram::kSizes};           // deliveries in a batch
  Histogram commit{Histogram::kSeconds};        // from a batch to its fsync
  Histogram acknowledged{Histogram::kSeconds};  // of a delivery, from the queue to its answer
};

// A bounded queue in front of the one thread that writes. The thread takes whatever is waiting,
// commits it as one batch (one fsync for all), publishes the changes, and only then answers: what
// was acknowledged is on disk, and visible to everybody.
//
// Thread-safe. `store` and what `publish` and `prepare` use must outlive it.
class Committer {
 public:
  // Called once per delivery, on the writer's thread: must not block.
  using Answer = std::function<void(const absl::StatusOr<Outcome>&)>;
  // Called once per batch, before its answers.
  using Publish = std::function<void(const Committed&)>;
  // Called for every batch right before it is committed, when nothing else can come between: may
  // bring up to date what was made for a state that has been replaced since.
  using Prepare = std::function<void(std::span<Delivery>)>;

  Committer(Store& store, Publish publish, CommitterOptions options = {},
            Prepare prepare = nullptr);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Queues `delivery`. UNAVAILABLE (OVERLOADED, or SERVER_DRAINING after Shutdown) if it was not
  // taken, with the time to wait before a retry; `answer` is then never called.
  absl::Status Submit(Delivery delivery, Answer answer) ABSL_LOCKS_EXCLUDED(mutex_);

  // The same for one of very many, whose sender can wait. It may fill no more than half of the
  // queue: the other half is for webhooks, which cannot. False: there is no room; then `delivery`
  // is left as it is, and `room` is called once there may be some, on the writer's thread, where it
  // must not block. A status, SERVER_DRAINING: it is not taken, and none of them is ever called.
  absl::StatusOr<bool> Offer(Delivery& delivery, Answer answer, std::function<void()> room)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const CommitterMetrics& metrics() const { return metrics_; }

  // What waits for the next batch.
  struct Queue {
    size_t deliveries = 0;
    size_t bytes = 0;
  };
  Queue queue() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Commits and answers what is queued, then stops. Called by the destructor too.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Sender {
    Answer answer;
    Stopwatch since_queued;
  };
  // Deliveries and their senders, in the order they came.
  struct Batch {
    std::vector<Delivery> deliveries;
    std::vector<Sender> senders;
    size_t bytes = 0;

    void Clear();
  };

  void Run();
  bool Take(Batch& batch) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether `bytes` more fit into the given share of the queue. An empty queue takes any delivery,
  // or one that is larger than the bound could never be committed.
  bool HasRoom(size_t bytes, size_t share) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(Delivery delivery, Answer answer, size_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CommitInPieces(Batch& batch);
  void CommitAndAnswer(std::span<Delivery> deliveries, std::span<const Sender> senders);

  Store& store_;
  const Publish publish_;
  const Prepare prepare_;
  const CommitterOptions options_;
  CommitterMetrics metrics_;
  mutable Mutex mutex_;
  Condition ready_;
  Batch queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);  // for room
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread writer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
