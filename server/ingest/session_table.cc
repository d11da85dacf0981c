#include "server/ingest/session_table.h"

#include <utility>

#include "server/ingest/http_session.h"

namespace tributary {

void SessionTable::Add(uint64_t id, std::shared_ptr<HttpSession> session) {
  MutexLock lock(mutex_);
  sessions_.emplace(id, std::move(session));
}

void SessionTable::Remove(uint64_t id) {
  std::shared_ptr<HttpSession> last;  // dies outside of the lock
  MutexLock lock(mutex_);
  if (const auto found = sessions_.find(id); found != sessions_.end()) {
    last = std::move(found->second);
    sessions_.erase(found);
  }
}

void SessionTable::Deliver(uint64_t id, const absl::StatusOr<Outcome>& outcome) {
  // The lock is held while the outcome is posted: Clear() waits for it, so the queue that it is
  // posted to cannot go meanwhile. Posting neither blocks nor runs anything here.
  MutexLock lock(mutex_);
  if (const auto found = sessions_.find(id); found != sessions_.end())
    found->second->Deliver(outcome);
}

void SessionTable::BeginAnswer() {
  MutexLock lock(mutex_);
  ++under_way_;
}

void SessionTable::EndAnswer() {
  MutexLock lock(mutex_);
  if (--under_way_ == 0) answered_.NotifyAll();
}

void SessionTable::WaitForAnswers(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (under_way_ > 0 && answered_.WaitUntil(mutex_, deadline)) {
  }
}

void SessionTable::Clear() {
  std::unordered_map<uint64_t, std::shared_ptr<HttpSession>> sessions;  // die outside of the lock
  MutexLock lock(mutex_);
  sessions.swap(sessions_);
}

}  // namespace tributary
