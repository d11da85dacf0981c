#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/error.h"
#include "server/base/mutex.h"
#include "server/store/store.h"

namespace tributary::testing {

// A store whose commits a test can hold back or make fail; the rest goes straight to `inner`, which
// must outlive it. Thread-safe.
class GatedStore final : public Store {
 public:
  explicit GatedStore(Store& inner) : inner_(inner) {}

  // Commits that begin from now on wait for Release().
  void Hold() {
    MutexLock lock(mutex_);
    held_ = true;
  }
  void Release() {
    MutexLock lock(mutex_);
    held_ = false;
    changed_.NotifyAll();
  }
  // The next commit writes nothing and returns `status`.
  void FailNext(absl::Status status) {
    MutexLock lock(mutex_);
    failure_ = std::move(status);
  }
  // Batches with a delivery of resource `id` write nothing and return `status`.
  void FailIfHolding(std::string id, absl::Status status) {
    MutexLock lock(mutex_);
    failing_id_ = std::move(id);
    failure_of_id_ = std::move(status);
  }
  // Waits until `count` commits have begun; false after 20 s.
  bool WaitForCommits(size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    MutexLock lock(mutex_);
    while (batches_.size() < count) {
      if (!changed_.WaitUntil(mutex_, deadline)) return batches_.size() >= count;
    }
    return true;
  }
  // The sizes of the batches so far.
  std::vector<size_t> batches() {
    MutexLock lock(mutex_);
    return batches_;
  }

  absl::StatusOr<Committed> Commit(std::span<const Delivery> batch) override {
    {
      MutexLock lock(mutex_);
      batches_.push_back(batch.size());
      changed_.NotifyAll();
      while (held_) changed_.Wait(mutex_);
      if (failure_.has_value()) return *std::exchange(failure_, std::nullopt);
      for (const Delivery& delivery : batch) {
        if (!failing_id_.empty() && delivery.resource_id == failing_id_) return failure_of_id_;
      }
    }
    return inner_.Commit(batch);
  }

  const std::string& id() const override { return inner_.id(); }
  absl::StatusOr<Head> GetHead() override { return inner_.GetHead(); }
  absl::StatusOr<std::optional<Record>> Get(const Key& key, bool raw,
                                            std::optional<Revision> at) override {
    return inner_.Get(key, raw, at);
  }
  absl::StatusOr<RecordBatch> BatchGet(const BatchQuery& query) override {
    return inner_.BatchGet(query);
  }
  absl::StatusOr<RecordPage> List(const RecordQuery& query) override { return inner_.List(query); }
  absl::StatusOr<ChangePage> Changes(const ChangeQuery& query) override {
    return inner_.Changes(query);
  }
  absl::StatusOr<std::vector<Outcome>> Rehearse(std::span<const Delivery> batch) override {
    return inner_.Rehearse(batch);
  }
  absl::StatusOr<DeliveryPage> ListDeliveries(const DeliveryQuery& query) override {
    return inner_.ListDeliveries(query);
  }
  absl::StatusOr<std::optional<DeliveryRecord>> GetDelivery(int64_t number) override {
    return inner_.GetDelivery(number);
  }
  absl::StatusOr<int64_t> PurgeDeliveries(std::span<const int64_t> numbers) override {
    return inner_.PurgeDeliveries(numbers);
  }
  void HoldHistory(Revision revision) override { inner_.HoldHistory(revision); }
  absl::StatusOr<std::optional<int64_t>> CommittedAt(Revision revision) override {
    return inner_.CommittedAt(revision);
  }

 private:
  Store& inner_;
  Mutex mutex_;
  Condition changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> failure_ ABSL_GUARDED_BY(mutex_);
  std::string failing_id_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_of_id_ ABSL_GUARDED_BY(mutex_);
  std::vector<size_t> batches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary::testing
