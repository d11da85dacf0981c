#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/store/store.h"

namespace tributary {

// What a store in a file measures of itself.
struct SqliteMetrics {
  Histogram log_fsync{Histogram::kSeconds};       // of the write-ahead log: one in each commit
  Histogram database_fsync{Histogram::kSeconds};  // of the database file: in checkpoints
  Counter failed_fsyncs;
  // From a failed fsync until it is known again what is on the disk: nothing is acknowledged.
  std::atomic<bool> in_doubt = false;

  // Of the ledger: bodies that had no room any more (of accepted, rejected and parked deliveries),
  // what those that are kept take, and the deliveries that stay on record until they are purged or
  // accepted.
  std::array<Counter, 3> bodies_dropped;
  Gauge body_bytes;
  Gauge parked;
  Gauge rejected;
};

struct SqliteOptions {
  std::string path;
  int64_t idempotency_window_us = 7LL * 24 * 3600 * 1'000'000;
  // How far back the log of changes reaches: by count and by age, whichever is less; 0: no limit.
  // What is older is compacted: the newest state of every resource stays, and tombstones for
  // `tombstone_retention_us`.
  int64_t history_max_changes = 10'000'000;
  int64_t history_retention_us = 7LL * 24 * 3600 * 1'000'000;
  int64_t tombstone_retention_us = 30LL * 24 * 3600 * 1'000'000;
  // For how long accepted deliveries stay on record, but for those that are changes in the log.
  // Parked and rejected ones stay until they are purged.
  int64_t ledger_retention_us = 7LL * 24 * 3600 * 1'000'000;
  // Which bodies are kept, and how much they may take, compressed. Beyond it the oldest go: those
  // of accepted deliveries first, then of rejected, then of parked ones.
  LedgerBodies ledger_bodies = LedgerBodies::kProblems;
  int64_t ledger_bytes_max = int64_t{1} << 30;

  size_t cache_bytes = 32 * 1024 * 1024;  // page cache of the writer; readers take an eighth each
  int readers = 4;  // connections that read at once; further reads wait for one

  // Changes, and fingerprints for the check for duplicates, that gather in memory before they are
  // written to the tables that lie in key order. More make writing cheaper, and memory and a start
  // after a crash dearer: a start reads twice as many from the log at the most.
  size_t late_changes_max = 65'536;

  // The write-ahead log is moved into the file whenever it has so many bytes; readers may make it
  // four times as long, and then wait for a moment.
  int64_t checkpoint_bytes = 16 * 1024 * 1024;

  // The pause between two attempts to open the file anew after a failed fsync; doubled each time,
  // up to thirty times as long.
  std::chrono::milliseconds reopen_pause{1'000};

  std::shared_ptr<SqliteMetrics> metrics = std::make_shared<SqliteMetrics>();

  // Names what differs between two states of one resource, encoded as field 5 of a change message.
  // Called by Commit; the store itself does not know what its bytes mean.
  std::function<std::string(const Record& before, const Record& after)> changed_fields;

  // What the index knows of a state: sorted, each entry once. Called by Commit and by reads. None:
  // nothing is indexed. `index_definition` tells one such function from another: a file that was
  // indexed by another one is indexed anew when it is opened.
  std::function<std::vector<IndexEntry>(const std::string& model, std::string_view state)> index;
  int64_t index_definition = 0;

  // Called by tests at each named step ("recovering", "before_late_work", "before_commit",
  // "after_commit", "checkpoint", "settling", "compacted", "swept", "purging", "reopening",
  // "reopened"); may end the process.
  std::function<void(const char* step)> fault_point;
};

// Opens the store in `options.path`, or makes it. `clock` must outlive it.
//
// FAILED_PRECONDITION: the file is not a Tributary store, was written by a newer version, or is
// open in another process; it is left as it was. UNAVAILABLE: it can't be read or written.
// DATA_LOSS: it is damaged where it would have to be read, or acknowledged deliveries would be lost
// (log_check.h); it is left as it was.
//
// A full disk makes commits fail until there is room again, and nothing else. After a failed fsync
// the file is closed and opened anew, by a thread of its own, before anything is acknowledged:
// calls wait for the moment that takes, or are UNAVAILABLE while it can't be done.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteOptions options, const Clock& clock);

}  // namespace tributary
