#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

#include "server/store/sqlite/sqlite_store.h"

namespace tributary::sqlite {

// The fsyncs of a file while it is open, with its log: how long each took, and that none counts
// after one that failed. Whatever a failed fsync was to write, the kernel may have given up, and
// then it reports success the next time; so from the first failure on every fsync fails, on all
// connections, and with it every commit and every checkpoint. Only opening the file anew, from what
// is in it, begins another set. Thread-safe.
class Fsyncs {
 public:
  // `metrics` must outlive it. `on_failure` is called once, by the thread that met the first
  // failure, in the middle of its work with SQLite: it must not block.
  explicit Fsyncs(
      SqliteMetrics& metrics, std::function<void()> on_failure = [] {})
      : metrics_(metrics), on_failure_(std::move(on_failure)) {}
  Fsyncs(const Fsyncs&) = delete;
  Fsyncs& operator=(const Fsyncs&) = delete;

  bool failed() const { return failed_.load(); }

  // For the VFS: one has ended with `code`, of the log or of the database. Answers what SQLite is
  // told.
  int Ended(bool log, std::chrono::nanoseconds took, int code);

 private:
  SqliteMetrics& metrics_;
  const std::function<void()> on_failure_;
  std::atomic<bool> failed_ = false;
};

// Names the VFS that passes everything to the system's own, watches what is made durable, and takes
// a page that is cut off for the damage that it is. For SQLite::Database(); it is made by the first
// call and stays.
const char* TimedVfs();

// From now on each fsync that `database`, opened with TimedVfs(), asks for is one of `fsyncs`,
// which must outlive it.
void WatchFsyncs(SQLite::Database& database, Fsyncs& fsyncs);

}  // namespace tributary::sqlite
