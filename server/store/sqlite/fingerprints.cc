#include "server/store/sqlite/fingerprints.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "server/base/hash.h"
#include "server/store/sqlite/connection.h"
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

// SQLite's integers are signed; the order of runs is that of the signed value everywhere.
int64_t AsColumn(uint64_t identity) { return std::bit_cast<int64_t>(identity); }

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
            "SELECT content, revision FROM fingerprint"
            " WHERE run = ? AND identity = ? AND received_us >= ?"),
      insert_(database,
              "INSERT OR IGNORE INTO fingerprint (run, identity, delivery, received_us, revision,"
              " content) VALUES (?,?,?,?,?,?)"),
      seal_(database,
            "INSERT INTO fingerprint_run (run, newest_us, revision, delivery, filter)"
            " VALUES (?,?,?,?,?)"),
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
    SQLite::Statement discard(database_, "DELETE FROM fingerprint WHERE run >= ?");
    Query(discard).Bind(run).Run();
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
  Query query(find_);
  query.Bind(run).Bind(AsColumn(fingerprint.identity)).Bind(since_us);
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
  if (frozen_.has_value()) WriteRows(rows);
  // What this transaction added is durable when the next one begins to write it.
  if (!frozen_.has_value() && current_.size() >= run_size_) {
    current_set_.revision = revision;
    current_set_.delivery = delivery;
  }
}

void Fingerprints::WriteRows(size_t rows) {
  for (; rows > 0 && writing_ != frozen_->end(); ++writing_, --rows) {
    const auto& [identity, entry] = *writing_;
    Query(insert_)
        .Bind(frozen_set_.run)
        .Bind(AsColumn(identity))
        .Bind(entry.delivery)
        .Bind(entry.received_us)
        .Bind(entry.revision)
        .Bind(BytesOf(entry.content))
        .Run();
  }
  if (writing_ != frozen_->end()) return;
  const std::string column = FilterOf(frozen_set_.run, 0).Column(ColumnOf(frozen_set_.run));
  Query(seal_)
      .Bind(frozen_set_.run)
      .Bind(frozen_set_.newest_us)
      .Bind(frozen_set_.revision)
      .Bind(frozen_set_.delivery)
      .Bind(column)
      .Run();
  sealing_ = true;
}

void Fingerprints::DeleteRows(size_t rows, int64_t before_us) {
  if (runs_.empty() || runs_.front().newest_us >= before_us) return;
  const int64_t run = runs_.front().run;
  Query(delete_rows_).Bind(run).Bind(static_cast<int64_t>(rows)).Run();
  if (database_.getChanges() == static_cast<int>(rows)) return;
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
    written_ = writing_ = frozen_->begin();
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
