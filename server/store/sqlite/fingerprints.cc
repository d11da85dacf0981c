#include "server/store/sqlite/fingerprints.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/hash.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/slice.h"

namespace tributary::sqlite {
namespace {

constexpr int kRecoverStep = 1024;

std::string_view BytesOf(const uint64_t& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string_view BytesOf(const Digest& digest) {
  static_assert(sizeof digest == 2 * sizeof(uint64_t));
  return {reinterpret_cast<const char*>(&digest), sizeof digest};
}

// A block is as large as a row may be without a page of its own.
constexpr size_t kBlockEntries = 80;

// An entry as a block holds it. The bytes of the host: little-endian hosts only, as all we run on.
struct Packed {
  uint64_t identity;
  int64_t delivery;
  int64_t received_us;
  Revision revision;
  Digest content;
};
static_assert(sizeof(Packed) == 48);

// SQLite's integers are signed: the least identity becomes the least of them.
int64_t AsColumn(uint64_t identity) { return std::bit_cast<int64_t>(identity ^ uint64_t{1} << 63); }

// As files before version 6 have it.
int64_t AsOldColumn(uint64_t identity) { return std::bit_cast<int64_t>(identity); }

int64_t BlockChecksum(int64_t run, int64_t number, std::string_view entries) {
  return RowChecksum().Add(run).Add(number).Add(entries).value();
}

int ColumnOf(int64_t run) { return static_cast<int>(run % FingerprintFilter::kSets); }

}  // namespace

Fingerprint Fingerprint::Of(const Delivery& delivery) {
  Hasher names;
  names.Add(delivery.connector_id)
      .Add(delivery.owner_id)
      .Add(delivery.event)
      .Add(delivery.resource_id)
      .Add(delivery.idempotency_key);
  Fingerprint fingerprint;
  fingerprint.identity = names.Finish().low;
  names.Add(BytesOf(delivery.content.high)).Add(BytesOf(delivery.content.low));
  fingerprint.content = names.Finish();
  return fingerprint;
}

std::string Fingerprint::Encode() const {
  std::string bytes;
  bytes.append(BytesOf(identity)).append(BytesOf(content));
  return bytes;
}

std::optional<Fingerprint> Fingerprint::Decode(std::string_view bytes) {
  uint64_t parts[3];
  if (bytes.size() != sizeof parts) return std::nullopt;
  std::memcpy(parts, bytes.data(), sizeof parts);
  return Fingerprint{parts[0], {parts[1], parts[2]}};
}

Fingerprints::Fingerprints(SQLite::Database& database, size_t run_size)
    : run_size_(std::max<size_t>(run_size, 1)),
      database_(database),
      find_(database,
            "SELECT first, number, crc, entries FROM fingerprint_block"
            " WHERE run = ? AND first <= ? ORDER BY first DESC, number DESC"),
      find_old_(database,
                "SELECT content, revision FROM fingerprint"
                " WHERE run = ? AND identity = ? AND received_us >= ?"),
      insert_(database,
              "INSERT OR REPLACE INTO fingerprint_block (run, first, number, crc, entries)"
              " VALUES (?,?,?,?,?)"),
      seal_(database,
            "INSERT INTO fingerprint_run (run, newest_us, revision, delivery, filter)"
            " VALUES (?,?,?,?,?)"),
      delete_blocks_(database,
                     "DELETE FROM fingerprint_block WHERE run = ?1 AND (run, first, number) IN"
                     " (SELECT run, first, number FROM fingerprint_block WHERE run = ?1 LIMIT ?2)"),
      delete_rows_(database,
                   "DELETE FROM fingerprint WHERE run = ?1 AND (run, identity, delivery) IN"
                   " (SELECT run, identity, delivery FROM fingerprint WHERE run = ?1 LIMIT ?2)"),
      delete_run_(database, "DELETE FROM fingerprint_run WHERE run = ?") {}

void Fingerprints::Recover(const std::function<void()>& step) {
  LoadRuns();
  const Set last = runs_.empty() ? Set() : runs_.back();
  Set& set = current_set_;
  set.run = last.run + 1;
  DiscardFrom(set.run);

  FingerprintFilter& filter = FilterOf(set.run, 0);
  int count = 0;
  const std::pair<const char*, int64_t> sources[] = {
      {"SELECT fingerprint, delivery, revision, received_us FROM change WHERE revision > ?"
       " AND length(fingerprint) > 0 ORDER BY revision",
       last.revision},
      {"SELECT fingerprint, number, revision, received_us FROM delivery WHERE number > ?"
       " AND length(fingerprint) > 0 ORDER BY number",
       last.delivery}};
  for (const auto& [sql, after] : sources) {
    SQLite::Statement select(database_, sql);
    Query rows(select);
    rows.Bind(after);
    while (rows.Next()) {
      const std::optional<Fingerprint> fingerprint = Fingerprint::Decode(rows.Bytes(0));
      if (!fingerprint.has_value()) continue;
      current_.emplace(fingerprint->identity,
                       Entry{fingerprint->content, rows.Int(1), rows.Int(2), rows.Int(3)});
      filter.Add(ColumnOf(set.run), fingerprint->identity);
      set.newest_us = std::max(set.newest_us, rows.Int(3));
      if (++count % kRecoverStep == 0) step();
    }
  }
}

// Rows of a run that was not completed; it is written again. Those that stay, as on a full disk, do
// no harm: they are found under one more run, and go with it.
void Fingerprints::DiscardFrom(int64_t run) {
  try {
    for (const char* sql : {"DELETE FROM fingerprint_block WHERE run >= ?",
                            "DELETE FROM fingerprint WHERE run >= ?"}) {
      SQLite::Statement discard(database_, sql);
      Query(discard).Bind(run).Run();
    }
  } catch (const SQLite::Exception&) {
    (void)CurrentExceptionToStatus("written");
  }
}

void Fingerprints::LoadRuns() {
  SQLite::Statement select(
      database_,
      "SELECT run, newest_us, revision, delivery, filter FROM fingerprint_run ORDER BY run");
  Query rows(select);
  while (rows.Next()) {
    const Set set{rows.Int(0), rows.Int(1), rows.Int(2), rows.Int(3)};
    const std::string_view column = rows.Bytes(4);
    FilterOf(set.run, column.size()).SetColumn(ColumnOf(set.run), column);
    runs_.push_back(set);
  }
}

FingerprintFilter& Fingerprints::FilterOf(int64_t run, size_t column_bytes) {
  const int64_t first = run - run % FingerprintFilter::kSets;
  for (Group& group : groups_) {
    if (group.first_run == first) return group.filter;
  }
  FingerprintFilter filter = column_bytes > 0 ? FingerprintFilter::OfColumnBytes(column_bytes)
                                              : FingerprintFilter(run_size_);
  return groups_.emplace_back(Group{std::move(filter), first}).filter;
}

Seen Fingerprints::Find(const Fingerprint& fingerprint, int64_t since_us) {
  Seen seen;
  for (const Group& group : groups_) {
    uint64_t sets = group.filter.MayHold(fingerprint.identity);
    for (; sets != 0 && !seen.duplicate_of.has_value(); sets &= sets - 1) {
      const int64_t run = group.first_run + std::countr_zero(sets);
      if (run == current_set_.run) {
        LookInto(current_, fingerprint, since_us, seen);
      } else if (frozen_.has_value() && run == frozen_set_.run) {
        LookInto(*frozen_, fingerprint, since_us, seen);
      } else {
        LookIntoRun(run, fingerprint, since_us, seen);
      }
    }
  }
  return seen;
}

void Fingerprints::LookInto(const Entries& entries, const Fingerprint& fingerprint,
                            int64_t since_us, Seen& seen) const {
  const auto [first, last] = entries.equal_range(fingerprint.identity);
  for (auto at = first; at != last; ++at) {
    if (at->second.received_us < since_us) continue;
    if (at->second.content == fingerprint.content) {
      seen.duplicate_of = at->second.revision;
    } else {
      seen.key_reused = true;
    }
  }
}

void Fingerprints::LookIntoRun(int64_t run, const Fingerprint& fingerprint, int64_t since_us,
                               Seen& seen) {
  const int64_t identity = AsColumn(fingerprint.identity);
  Query query(find_);
  query.Bind(run).Bind(identity);
  // Those of one identity may begin in the block before.
  for (bool further = true; further && query.Next(); further = query.Int(0) == identity) {
    std::string_view entries = query.Bytes(3);
    if (query.Int(2) != BlockChecksum(run, query.Int(1), entries)) {
      throw DamagedRow(absl::StrCat("fingerprints of run ", run));
    }
    Packed entry;
    for (; entries.size() >= sizeof entry; entries.remove_prefix(sizeof entry)) {
      std::memcpy(&entry, entries.data(), sizeof entry);
      if (entry.identity != fingerprint.identity || entry.received_us < since_us) continue;
      if (entry.content == fingerprint.content) {
        seen.duplicate_of = entry.revision;
      } else {
        seen.key_reused = true;
      }
    }
  }
  LookIntoOldRun(run, fingerprint, since_us, seen);
}

void Fingerprints::LookIntoOldRun(int64_t run, const Fingerprint& fingerprint, int64_t since_us,
                                  Seen& seen) {
  Query query(find_old_);
  query.Bind(run).Bind(AsOldColumn(fingerprint.identity)).Bind(since_us);
  while (query.Next()) {
    if (query.Bytes(0) == BytesOf(fingerprint.content)) {
      seen.duplicate_of = query.Int(1);
    } else {
      seen.key_reused = true;
    }
  }
}

void Fingerprints::Remember(const Fingerprint& fingerprint, const Outcome& outcome,
                            int64_t received_us) {
  current_.emplace(fingerprint.identity,
                   Entry{fingerprint.content, outcome.delivery, outcome.revision, received_us});
  added_.emplace_back(fingerprint.identity, outcome.delivery);
  current_set_.newest_us = std::max(current_set_.newest_us, received_us);
  // Should the transaction fail, the filter says "may" once too often.
  FilterOf(current_set_.run, 0).Add(ColumnOf(current_set_.run), fingerprint.identity);
}

void Fingerprints::WriteSlice(size_t weight, int64_t before_us, Revision revision,
                              int64_t delivery) {
  const size_t rows = SliceRows(weight);
  DeleteRows(rows, before_us);
  if (frozen_.has_value()) WriteBlocks(rows);
  // What this transaction added is durable when the next one begins to write it.
  if (!frozen_.has_value() && current_.size() >= run_size_) {
    current_set_.revision = revision;
    current_set_.delivery = delivery;
  }
}

void Fingerprints::WriteBlocks(size_t entries) {
  owed_ += entries;
  const size_t enough = std::min(kBlockEntries, run_size_);
  while (writing_.next != frozen_->end() && owed_ >= enough) WriteBlock();
  if (writing_.next == frozen_->end()) Seal();
}

void Fingerprints::WriteBlock() {
  const uint64_t first = writing_.next->first;
  std::string block;
  block.reserve(kBlockEntries * sizeof(Packed));
  for (size_t i = 0; i < kBlockEntries && writing_.next != frozen_->end(); ++i, ++writing_.next) {
    const auto& [identity, entry] = *writing_.next;
    const Packed packed{identity, entry.delivery, entry.received_us, entry.revision, entry.content};
    block.append(reinterpret_cast<const char*>(&packed), sizeof packed);
  }
  owed_ -= std::min(owed_, kBlockEntries);
  Query(insert_)
      .Bind(frozen_set_.run)
      .Bind(AsColumn(first))
      .Bind(writing_.block)
      .Bind(BlockChecksum(frozen_set_.run, writing_.block, block))
      .Bind(block)
      .Run();
  ++writing_.block;
}

void Fingerprints::Seal() {
  const std::string column = FilterOf(frozen_set_.run, 0).Column(ColumnOf(frozen_set_.run));
  Query(seal_)
      .Bind(frozen_set_.run)
      .Bind(frozen_set_.newest_us)
      .Bind(frozen_set_.revision)
      .Bind(frozen_set_.delivery)
      .Bind(column)
      .Run();
  owed_ = 0;
  sealing_ = true;
}

void Fingerprints::DeleteRows(size_t rows, int64_t before_us) {
  if (runs_.empty() || runs_.front().newest_us >= before_us) return;
  const int64_t run = runs_.front().run;
  Query(delete_rows_).Bind(run).Bind(static_cast<int64_t>(rows)).Run();
  if (database_.getChanges() == static_cast<int>(rows)) return;
  const size_t blocks = rows / kBlockEntries + 1;
  Query(delete_blocks_).Bind(run).Bind(static_cast<int64_t>(blocks)).Run();
  if (database_.getChanges() == static_cast<int>(blocks)) return;
  Query(delete_run_).Bind(run).Run();
  deleting_ = true;
}

void Fingerprints::Committed() {
  added_.clear();
  if (std::exchange(deleting_, false)) {
    const int64_t run = runs_.front().run;
    runs_.pop_front();
    FilterOf(run, 0).Clear(ColumnOf(run));
    const bool last = run % FingerprintFilter::kSets == FingerprintFilter::kSets - 1;
    if (last && groups_.size() > 1) groups_.pop_front();
  }
  written_ = writing_;
  if (std::exchange(sealing_, false)) {
    runs_.push_back(frozen_set_);
    frozen_.reset();
  }
  if (!frozen_.has_value() && current_.size() >= run_size_ && current_set_.delivery > 0) {
    frozen_.emplace(std::exchange(current_, {}));
    frozen_set_ = std::exchange(current_set_, {.run = current_set_.run + 1});
    written_ = writing_ = {frozen_->begin(), 0};
    owed_ = 0;
  }
}

void Fingerprints::RolledBack() {
  for (const auto& [identity, delivery] : added_) {
    const auto [first, last] = current_.equal_range(identity);
    for (auto at = first; at != last; ++at) {
      if (at->second.delivery != delivery) continue;
      current_.erase(at);
      break;
    }
  }
  added_.clear();
  current_set_.revision = current_set_.delivery = 0;
  writing_ = written_;
  sealing_ = deleting_ = false;
}

}  // namespace tributary::sqlite
