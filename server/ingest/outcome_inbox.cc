#include "server/ingest/outcome_inbox.h"

namespace tributary {

void OutcomeInbox::Put(uint64_t session, const absl::StatusOr<Outcome>& outcome) {
  MutexLock lock(mutex_);
  if (closed_) return;
  items_.push_back({session, outcome});
  // Under the lock, for which Close() waits: what is woken cannot go meanwhile.
  if (items_.size() == 1) wake_();
}

void OutcomeInbox::Take(std::vector<Item>& items) {
  MutexLock lock(mutex_);
  items.swap(items_);
}

void OutcomeInbox::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  items_.clear();
}

}  // namespace tributary
