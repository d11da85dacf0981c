#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "server/store/sqlite/fingerprint_filter.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// What the check for duplicates keeps of a delivery: `identity` of its names and idempotency key,
// `content` of these and what it says.
struct Fingerprint {
  uint64_t identity = 0;
  Digest content;

  static Fingerprint Of(const Delivery& delivery);

  // As the rows of deliveries carry it: 24 bytes.
  std::string Encode() const;
  static std::optional<Fingerprint> Decode(std::string_view bytes);
};

// What is known of deliveries with the same names and idempotency key.
struct Seen {
  std::optional<Revision> duplicate_of;  // the same content came before; with this revision
  bool key_reused = false;               // the key came before with other content
};

// The memory of the check for duplicates: exact, whatever the number of deliveries in the window,
// and without a random write. The newest fingerprints are in memory, and in the rows of their
// deliveries, from which Recover gets them back. A full set is written to the table
// `fingerprint_block` as a run, in the order of identities, many to a row, and in slices; a filter
// in memory says of nearly every new delivery that no run holds it, and only the few runs that may
// are asked.
//
// Part of the writer: calls belong to the transaction in progress on `database`, which must outlive
// it. Not thread-safe.
class Fingerprints {
 public:
  // `run_size`: fingerprints in a run.
  Fingerprints(SQLite::Database& database, size_t run_size);

  // Reads the filters of the runs, and what came after the last of them. Calls `step` now and then.
  void Recover(const std::function<void()>& step);

  // Looks among what was remembered since `since_us`.
  Seen Find(const Fingerprint& fingerprint, int64_t since_us);
  void Remember(const Fingerprint& fingerprint, const Outcome& outcome, int64_t received_us);

  // Writes a slice of the full set, in proportion to `weight`, and deletes one of what is older
  // than `before_us`. `revision` and `delivery` are the last ones of the transaction.
  void WriteSlice(size_t weight, int64_t before_us, Revision revision, int64_t delivery);
  void Committed();
  void RolledBack();

  // How many were remembered since a set was full.
  size_t waiting() const { return current_.size(); }

 private:
  struct Entry {
    Digest content;
    int64_t delivery = 0;
    Revision revision = 0;
    int64_t received_us = 0;
  };
  using Entries = absl::btree_multimap<uint64_t, Entry>;

  // A set of fingerprints, in memory or in the table.
  struct Set {
    int64_t run = 0;
    int64_t newest_us = 0;
    Revision revision = 0;  // everything up to here is in this set or an older one
    int64_t delivery = 0;
  };
  // The filters of 64 runs that follow each other.
  struct Group {
    FingerprintFilter filter;
    int64_t first_run;
  };

  void LookInto(const Entries& entries, const Fingerprint& fingerprint, int64_t since_us,
                Seen& seen) const;
  void LookIntoRun(int64_t run, const Fingerprint& fingerprint, int64_t since_us, Seen& seen);
  void LookIntoOldRun(int64_t run, const Fingerprint& fingerprint, int64_t since_us, Seen& seen);
  FingerprintFilter& FilterOf(int64_t run, size_t column_bytes);
  void LoadRuns();
  void DiscardFrom(int64_t run);
  void WriteBlocks(size_t entries);
  void WriteBlock();
  void Seal();
  void DeleteRows(size_t rows, int64_t before_us);

  const size_t run_size_;
  SQLite::Database& database_;
  SQLite::Statement find_;
  SQLite::Statement find_old_;
  SQLite::Statement insert_;
  SQLite::Statement seal_;
  SQLite::Statement delete_blocks_;
  SQLite::Statement delete_rows_;
  SQLite::Statement delete_run_;

  Entries current_;
  Set current_set_;
  std::optional<Entries> frozen_;
  Set frozen_set_;
  // Where in frozen_ the writing stands.
  struct Place {
    Entries::const_iterator next;
    int64_t block = 0;  // its number in the run
  };
  Place written_;         // durable
  Place writing_;         // in the transaction in progress
  size_t owed_ = 0;       // entries that may be written, but make no block yet
  bool sealing_ = false;  // the transaction in progress completes the run

  std::deque<Set> runs_;      // in the table, oldest first
  bool deleting_ = false;     // the transaction in progress removes the oldest of them
  std::deque<Group> groups_;  // cover runs_ and the sets in memory
  std::vector<std::pair<uint64_t, int64_t>> added_;  // identity, delivery: in this transaction
};

}  // namespace tributary::sqlite
