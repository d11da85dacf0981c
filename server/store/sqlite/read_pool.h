#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/reader.h"

namespace tributary::sqlite {

// The read connections, lent to one call at a time, behind a gate. The write-ahead log can start
// over only while nobody reads from it; under a stream of overlapping reads that moment never comes
// by itself. The gate makes it: closed, it lets no new read begin, and reads are short.
// Thread-safe.
class ReadPool {
 public:
  // A connection on loan; goes back when the object does.
  class Loan {
   public:
    Loan(ReadPool& pool, std::unique_ptr<Reader> reader)
        : pool_(pool), reader_(std::move(reader)) {}
    ~Loan() { pool_.Return(std::move(reader_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Reader* operator->() const { return reader_.get(); }

   private:
    ReadPool& pool_;
    std::unique_ptr<Reader> reader_;
  };

  // Opens the connections. Throws SQLite::Exception. What it is given must outlive the pool.
  ReadPool(const SqliteOptions& options, const Scopes& scopes, const Overlay& overlay,
           const Floors& floors);

  // Waits for a connection and for the gate.
  Loan Borrow() ABSL_LOCKS_EXCLUDED(mutex_);

  // Idle readers keep no snapshot, which would keep the log from starting over.
  void EndIdleSnapshots() ABSL_LOCKS_EXCLUDED(mutex_);

  // Shuts the gate and waits until the reads under way have ended.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);
  void Open() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Return(std::unique_ptr<Reader> reader) ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  Condition changed_;
  std::vector<std::unique_ptr<Reader>> free_ ABSL_GUARDED_BY(mutex_);
  size_t all_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tributary::sqlite
