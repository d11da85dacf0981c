#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/store/types.h"

namespace tributary {

class HttpSession;

// The open connections of a server, and the place where the writer's thread leaves their answers.
// The committer's answers share it: one that comes after the server is gone finds no session and
// goes nowhere. Thread-safe.
class SessionTable {
 public:
  void Add(uint64_t id, std::shared_ptr<HttpSession> session) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Hands the outcome of its delivery to session `id`, if it is still there. Does not block.
  void Deliver(uint64_t id, const absl::StatusOr<Outcome>& outcome) ABSL_LOCKS_EXCLUDED(mutex_);

  // Count the requests that were read and are not answered yet.
  void BeginAnswer() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndAnswer() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns when there are none, or at `deadline`.
  void WaitForAnswers(std::chrono::steady_clock::time_point deadline) ABSL_LOCKS_EXCLUDED(mutex_);

  // Lets go of every session. No thread may be running one.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  Condition answered_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, std::shared_ptr<HttpSession>> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
