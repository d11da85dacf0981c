#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/ingest/committer.h"
#include "server/model/model.h"
#include "server/store/store.h"

namespace tributary {

// Deletes what a model keeps for a time only (`retention_days`), once its last change is older.
// Such a deletion is a delivery like any other: it is on record, and whoever follows the model is
// told. It never crosses a newer state, not even one that comes at the same moment.
//
// `store`, `committer` and `clock` must outlive it.
class Expiry {
 public:
  Expiry(const ModelRegistry& models, Store& store, Committer& committer, const Clock& clock);
  ~Expiry() { Stop(); }
  Expiry(const Expiry&) = delete;
  Expiry& operator=(const Expiry&) = delete;

  // Has a thread of its own look for what is old, now and then every minute. Called once.
  void Start() ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // Looks once, and waits until what is old is deleted. Answers how many there were. Not while the
  // thread runs.
  absl::StatusOr<int> RunOnce();

 private:
  struct Rule {
    std::string model;
    int64_t retention_us;
    Revision position = 0;  // nothing at or before it is left to be deleted
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<int> Apply(Rule& rule);
  // Deletes those of `changes` that are the newest of their resource.
  absl::StatusOr<int> Delete(std::span<const ChangePtr> changes);

  std::vector<Rule> rules_;
  Store& store_;
  Committer& committer_;
  const Clock& clock_;
  Mutex mutex_;
  Condition changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace tributary
