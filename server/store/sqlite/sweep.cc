#include "server/store/sqlite/sweep.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {
namespace {

// Of a slice: a millisecond or two, for which a commit may have to wait.
constexpr int kPointersPerSlice = 1024;
constexpr size_t kCopiesPerSlice = 256;

// A sweep reads every pointer, so it waits until a sixteenth of them may have changed.
constexpr int64_t kChangesMin = 256;
constexpr int64_t kResourcesPerChange = 16;

}  // namespace

Sweep::Sweep(SQLite::Database& database, const Scopes& scopes)
    : scopes_(scopes),
      scan_(database,
            "SELECT r.scope, r.id, r.revision, s.revision FROM resource AS r"
            " LEFT JOIN settled AS s ON s.scope = r.scope AND s.id = r.id"
            " WHERE (r.scope, r.id) > (?,?) ORDER BY r.scope, r.id LIMIT ?"),
      read_(database,
            absl::StrCat("SELECT ", kChangeColumns, " FROM change AS c WHERE c.revision = ?")),
      put_(database,
           "INSERT OR REPLACE INTO settled (scope, id, revision, kind, crc, state)"
           " VALUES (?,?,?,?,?,?)"),
      note_(database, "UPDATE meta SET value = ?2 WHERE key = ?1") {
  swept_ = ReadMeta(database, kSweptRevision);
  resources_ = ReadMeta(database, kSweptResources);
}

bool Sweep::Due(Revision applied) const {
  return progress_.under_way ||
         applied - swept_ >= std::max(kChangesMin, resources_ / kResourcesPerChange);
}

void Sweep::WriteSlice(Revision applied) {
  if (!next_.under_way) next_ = {.under_way = true, .began = applied, .last = {}, .resources = 0};
  for (const Stale& stale : ReadSlice(next_)) Settle(stale);
  if (next_.under_way) return;
  Query(note_).BindText(kSweptRevision).Bind(next_.began).Run();
  Query(note_).BindText(kSweptResources).Bind(next_.resources).Run();
}

std::vector<Sweep::Stale> Sweep::ReadSlice(Progress& progress) {
  std::vector<Stale> stale;
  Query rows(scan_);
  const PointerKey from = progress.last;  // what is bound must not move
  rows.Bind(from.scope).Bind(from.id).Bind(kPointersPerSlice);
  for (int passed = 0;; ++passed) {
    if (!rows.Next()) {
      progress.under_way = passed == kPointersPerSlice;
      return stale;
    }
    progress.last = {rows.Int(0), std::string(rows.Bytes(1))};
    ++progress.resources;
    if (!rows.IsNull(3) && rows.Int(3) == rows.Int(2)) continue;
    stale.push_back({progress.last, rows.Int(2)});
    if (stale.size() == kCopiesPerSlice) return stale;
  }
}

void Sweep::Settle(const Stale& stale) {
  const Scope* scope = scopes_.Find(stale.key.scope);
  Query row(read_);
  row.Bind(stale.revision);
  if (scope == nullptr || !row.Next()) return;  // damage is reported to who reads the resource
  ChangeRow change;
  try {
    change = ReadChange(row, 0, false, *scope);
  } catch (const DamagedRow&) {
    return;
  }
  const SettledRow settled{stale.revision, change.change.kind, change.change.state};
  PutSettled(put_, scope->KeyOf(stale.key.id), scope->id, settled);
}

bool Sweep::Committed() {
  const bool complete = !next_.under_way;
  if (complete) {
    swept_ = next_.began;
    resources_ = next_.resources;
  }
  progress_ = next_;
  return complete;
}

void Sweep::RolledBack() { next_ = progress_; }

}  // namespace tributary::sqlite
