#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"
#include "server/store/store.h"
#include "server/watch/change_block.h"

namespace tributary {

// Pages of the log that late readers, those behind the hub's window, read from the store a moment
// ago. Watchers that a burst left behind are mostly late together: the first reads and encodes, the
// others take its pages. Whoever stands in the middle of a page takes the rest of it, so readers
// that began at different places soon share all of their pages.
//
// Keeps nothing for a reader that is late alone, nor when nobody is. Thread-safe.
class LatePages {
 public:
  explicit LatePages(size_t bytes_max = limits::kLatePagesBytesMax) : bytes_max_(bytes_max) {}

  // A reader is late from Join to Leave.
  void Join() ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave() ABSL_LOCKS_EXCLUDED(mutex_);

  // True: so few are late that each of them may hold a page which it has read ahead. Where there
  // are more they read for each other, and what they read ahead at once would often be the same.
  bool HasFewReaders() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What is kept of the answer to `query`, which must have a `through`; `head` is not set.
  std::optional<ChangeRuns> Find(const ChangeQuery& query) const ABSL_LOCKS_EXCLUDED(mutex_);

  // `page`, of one block or none, answers `query`.
  void Keep(const ChangeQuery& query, const ChangeRuns& page) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Page {
    ChangeQuery query;
    ChangeRuns read;  // without its runs
    BlockPtr block;   // null: nothing that the query covers lies in it
    size_t bytes = 0;
  };

  const size_t bytes_max_;
  mutable Mutex mutex_;
  int readers_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Page> pages_ ABSL_GUARDED_BY(mutex_);  // the newest first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace tributary
