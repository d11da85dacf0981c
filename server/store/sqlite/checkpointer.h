#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/read_pool.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/sqlite/writer.h"

namespace tributary::sqlite {

// Moves the write-ahead log into the database file, on a thread and a connection of its own, so
// that no commit stops for it; and keeps the log bounded, whatever the readers do: past kGatePages
// it shuts the gate of `pool` for the few milliseconds in which the log starts over. All that
// it is given must outlive it.
class Checkpointer {
 public:
  static constexpr int kPages = 4000;       // 16 MiB: worth a checkpoint
  static constexpr int kGatePages = 16384;  // 64 MiB: readers have kept the log from starting over
  static constexpr int kRetryPages = 1000;  // after readers were in the way

  // Throws SQLite::Exception.
  Checkpointer(const SqliteOptions& options, Writer& writer, ReadPool& pool);
  ~Checkpointer();

  // To be called after a commit: wakes the thread if there is enough to do.
  void Notice() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // True: nothing is left in the log that readers need, so that the next commit begins at its
  // start.
  bool Checkpoint();
  bool StartOver(int mode);

  Writer& writer_;
  ReadPool& pool_;
  const std::unique_ptr<SQLite::Database> database_;

  Mutex mutex_;
  Condition wake_;
  bool due_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int threshold_ ABSL_GUARDED_BY(mutex_) = kPages;
  std::thread thread_;
};

}  // namespace tributary::sqlite
