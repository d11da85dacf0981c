#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/read_pool.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/sqlite/timed_vfs.h"
#include "server/store/sqlite/writer.h"

namespace tributary::sqlite {

// Moves the write-ahead log into the database file, on a thread and a connection of its own, so
// that no commit stops for it; and keeps the log bounded, whatever the readers do: once they have
// kept it from starting over until it is four times as long as it should be, it shuts the gate of
// `pool` for the few milliseconds in which the log starts over. All that it is given must outlive
// it.
class Checkpointer {
 public:
  // Throws SQLite::Exception.
  Checkpointer(const SqliteOptions& options, Writer& writer, ReadPool& pool, Fsyncs& fsyncs);
  ~Checkpointer();

  // To be called after a commit: wakes the thread if there is enough to do.
  void Notice() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // True: nothing is left in the log that readers need, so that the next commit begins at its
  // start.
  bool Checkpoint();
  bool StartOver(int mode);

  const SqliteOptions& options_;
  const int64_t bytes_;        // of the log: worth a checkpoint
  const int64_t gate_bytes_;   // readers have kept it from starting over
  const int64_t retry_bytes_;  // more, after they were in the way
  Writer& writer_;
  ReadPool& pool_;
  const std::unique_ptr<SQLite::Database> database_;

  Mutex mutex_;
  Condition wake_;
  bool due_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t threshold_ ABSL_GUARDED_BY(mutex_) = bytes_;
  std::thread thread_;
};

}  // namespace tributary::sqlite
