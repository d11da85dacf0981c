#include "server/store/sqlite/removal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/wire.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {
namespace {

// A pass begins when so many rows wait for it: under load half as many as stay, so that a page
// gives up several at once; when it is quiet a sixteenth. Who resumes below the floor meets them
// too.
constexpr int64_t kBusyShare = 2;
constexpr int64_t kQuietShare = 16;
constexpr size_t kWaitingMin = 128;
constexpr size_t kWaitingMax = size_t{1} << 20;  // 8 MiB of memory

// Pages in a slice of giving room back, and the share of free pages below which it is left.
constexpr int kPagesPerSlice = 32;
constexpr int64_t kFreeShare = 8;
constexpr int64_t kFreePagesMin = 64;

// Revisions as the table `released` keeps them: rising, each as what it is more than the last one.
std::string Encode(const std::vector<Revision>& rising) {
  std::string bytes;
  Revision last = 0;
  for (const Revision revision : rising) {
    wire::AppendVarint(bytes, static_cast<uint64_t>(revision - std::exchange(last, revision)));
  }
  return bytes;
}

void Decode(std::string_view bytes, std::vector<Revision>& out) {
  Revision last = 0;
  for (uint64_t more = 0; !bytes.empty() && wire::TakeVarint(bytes, more);) {
    last += static_cast<Revision>(more);
    out.push_back(last);
  }
}

}  // namespace

Removal::Removal(SQLite::Database& database, const Scopes& scopes, const SqliteOptions& options)
    : database_(database),
      scopes_(scopes),
      options_(options),
      note_(database, "INSERT INTO released (number, crc, revisions) VALUES (?,?,?)"),
      forget_notes_(database, "DELETE FROM released WHERE number <= ?"),
      put_meta_(database, "UPDATE meta SET value = ?2 WHERE key = ?1"),
      scope_of_(database, "SELECT scope FROM change WHERE revision = ?"),
      read_(database,
            absl::StrCat("SELECT ", kChangeColumns, " FROM change AS c WHERE c.revision = ?")),
      delete_change_(database, "DELETE FROM change WHERE revision = ?"),
      delete_of_scope_(database, "DELETE FROM change_of_scope WHERE scope = ? AND revision = ?"),
      delete_pointer_(database, "DELETE FROM resource WHERE scope = ? AND id = ? AND revision = ?"),
      settled_(database),
      ledger_(database) {}

void Removal::Recover() {
  floor_ = ReadMeta(database_, kHistoryFloor);
  removed_ = ReadMeta(database_, kRemovedRows);
  SQLite::Statement select(database_, "SELECT number, crc, revisions FROM released");
  Query rows(select);
  while (rows.Next()) {
    last_note_ = std::max(last_note_, rows.Int(0));
    if (RowChecksum().Add(rows.Int(0)).Add(rows.Bytes(2)).value() != rows.Int(1)) {
      LogError("store: damaged data passed over: some rows that history released stay");
      continue;
    }
    Decode(rows.Bytes(2), pending_);
  }
}

void Removal::Note(std::vector<Revision> revisions, Revision floor) {
  floor_ = floor;
  if (revisions.empty()) return;
  std::sort(revisions.begin(), revisions.end());
  const std::string bytes = Encode(revisions);
  ++last_note_;
  Query(note_)
      .Bind(last_note_)
      .Bind(RowChecksum().Add(last_note_).Add(bytes).value())
      .Bind(bytes)
      .Run();
  noted_in_transaction_ += revisions.size();
  pending_.insert(pending_.end(), revisions.begin(), revisions.end());
}

size_t Removal::Enough(bool quiet) const {
  const auto waiting = static_cast<int64_t>(pending_.size() + pass_.revisions.size());
  const int64_t staying = std::max<int64_t>(floor_ - removed_ - waiting, 0);
  const auto share = static_cast<size_t>(staying / (quiet ? kQuietShare : kBusyShare));
  const size_t least = std::min(kWaitingMin, options_.late_changes_max);
  return std::clamp(share, std::max<size_t>(least, 1), kWaitingMax);
}

bool Removal::Due(bool quiet) const {
  return !pass_.revisions.empty() || (quiet && room_left_) || pending_.size() >= Enough(quiet);
}

void Removal::Begin() {
  std::sort(pending_.begin(), pending_.end());
  pending_.erase(std::unique(pending_.begin(), pending_.end()), pending_.end());
  pass_ = {std::exchange(pending_, {}), 0, last_note_};
  durable_next_ = 0;
}

void Removal::WriteSlice(size_t rows, bool quiet, int64_t now_us) {
  if (pass_.revisions.empty()) {
    if (pending_.size() < Enough(quiet)) {
      if (quiet) room_left_ = room_left_ && GiveRoomBack();
      return;
    }
    Begin();
  }
  for (; rows > 0 && pass_.next < pass_.revisions.size(); ++pass_.next, --rows) {
    Remove(pass_.revisions[pass_.next], now_us);
  }
  if (pass_.next == pass_.revisions.size()) Finish();
}

void Removal::Remove(Revision revision, int64_t now_us) {
  int64_t scope_id = 0;
  {
    Query row(scope_of_);
    row.Bind(revision);
    if (!row.Next()) return;  // removed before a crash
    scope_id = row.Int(0);
  }
  const Scope* scope = scopes_.Find(scope_id);
  try {
    if (scope == nullptr) throw DamagedRow(absl::StrCat("scope ", scope_id, " is not known"));
    Query query(read_);
    query.Bind(revision);
    query.Next();
    const ChangeRow row = ReadChange(query, 0, false, *scope);
    const int64_t kept_us = std::max(options_.ledger_retention_us, options_.idempotency_window_us);
    if (!row.idempotency_key.empty() && row.change.received_us > now_us - kept_us) {
      ledger_.Record(row);
    }
    if (row.IsTombstone()) {
      Query(delete_pointer_).Bind(scope_id).Bind(row.change.key.id).Bind(revision).Run();
      settled_.Forget(*scope, row.change.key.id, revision);
    }
  } catch (const DamagedRow& damage) {
    LogError(
        absl::StrCat("store: damaged data that history has passed is removed: ", damage.what()));
  }
  Query(delete_of_scope_).Bind(scope_id).Bind(revision).Run();
  Query(delete_change_).Bind(revision).Run();
}

void Removal::Finish() {
  removed_ += static_cast<int64_t>(pass_.revisions.size());
  Query(put_meta_).BindText(kRemovedRows).Bind(removed_).Run();
  Query(forget_notes_).Bind(pass_.last_note).Run();
  finishing_ = true;
}

// False: there is no more to give.
bool Removal::GiveRoomBack() {
  const int64_t free = database_.execAndGet("PRAGMA freelist_count").getInt64();
  const int64_t all = database_.execAndGet("PRAGMA page_count").getInt64();
  if (free < std::max(kFreePagesMin, all / kFreeShare)) return false;
  database_.exec(absl::StrCat("PRAGMA incremental_vacuum(", kPagesPerSlice, ")"));
  return true;
}

void Removal::Committed() {
  noted_in_transaction_ = 0;
  durable_next_ = pass_.next;
  if (!std::exchange(finishing_, false)) return;
  pass_ = {};
  durable_next_ = 0;
  room_left_ = true;
}

void Removal::RolledBack() {
  pending_.resize(pending_.size() - std::exchange(noted_in_transaction_, 0));
  pass_.next = durable_next_;
  if (std::exchange(finishing_, false)) removed_ -= static_cast<int64_t>(pass_.revisions.size());
  room_left_ = true;
}

}  // namespace tributary::sqlite
