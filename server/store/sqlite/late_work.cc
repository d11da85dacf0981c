#include "server/store/sqlite/late_work.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/schema.h"
#include "server/store/sqlite/slice.h"

namespace tributary::sqlite {
namespace {

constexpr int kRecoverStep = 1024;

// Of kChangeColumns; the id follows.
constexpr int kScope = 2;

}  // namespace

LateWork::LateWork(SQLite::Database& database, const Scopes& scopes, Overlay& overlay,
                   const SqliteOptions& options)
    : scopes_(scopes),
      overlay_(overlay),
      options_(options),
      weight_max_(std::max<size_t>(options.late_changes_max, 1)),
      database_(database),
      put_pointer_(database, kPutPointer),
      put_revision_(database,
                    "INSERT OR IGNORE INTO change_of_scope (scope, revision) VALUES (?,?)"),
      // Neither changes anything the second time.
      open_entry_(database,
                  "INSERT OR IGNORE INTO entry (scope, field, value, id, from_revision,"
                  " until_revision) VALUES (?,?,?,?,?,0)"),
      close_entry_(database,
                   "UPDATE entry SET until_revision = ?5 WHERE scope = ?1 AND field = ?2"
                   " AND value = ?3 AND id = ?4 AND from_revision < ?5 AND until_revision = 0"),
      put_raise_(database,
                 "INSERT OR REPLACE INTO raise (delivery, scope, id, revision, version_time,"
                 " version_rank, crc) VALUES (?,?,?,?,?,?,?)"),
      put_watermark_(database, "UPDATE meta SET value = ?2 WHERE key = ?1"),
      delete_raises_(database,
                     "DELETE FROM raise WHERE delivery <= ?1 AND (delivery, scope, id) IN"
                     " (SELECT delivery, scope, id FROM raise ORDER BY delivery, scope, id"
                     " LIMIT ?2)") {}

// What the changes above the watermark do to the index, from their states and those before them.
class LateWork::RecoveredIndex {
 public:
  RecoveredIndex(SQLite::Database& database, const SqliteOptions& options)
      : options_(options), read_(database, "SELECT kind, state FROM change WHERE revision = ?") {}

  void Add(const Scope& scope, const Change& change, std::vector<EntryEvent>& events) {
    if (!options_.index) return;
    const auto last = last_.find(change.prev);
    std::vector<IndexEntry> before =
        last != last_.end() ? std::move(last->second) : EntriesOf(scope, change.prev);
    if (last != last_.end()) last_.erase(last);
    std::vector<IndexEntry> after;
    if (!IsTombstone(change.kind)) after = options_.index(scope.model, change.state);
    AppendEntryEvents(scope.id, change.key.id, change.revision, before, after, events);
    last_.emplace(change.revision, std::move(after));
  }

 private:
  std::vector<IndexEntry> EntriesOf(const Scope& scope, Revision revision) {
    if (revision == 0) return {};
    Query row(read_);
    row.Bind(revision);
    if (!row.Next()) return {};
    const auto kind = static_cast<ChangeKind>(row.Int(0));
    if (IsTombstone(kind)) return {};
    return options_.index(scope.model, row.Bytes(1));
  }

  const SqliteOptions& options_;
  SQLite::Statement read_;
  absl::flat_hash_map<Revision, std::vector<IndexEntry>> last_;  // of the newest of each resource
};

// What is damaged in the log, or can't be looked at, is found again by who reads it: from its
// pointer, which has the least version, so that whatever comes next replaces it.
class LateWork::RecoveredDamage {
 public:
  RecoveredDamage(SQLite::Database& database, const Scopes& scopes)
      : scopes_(scopes),
        read_(database,
              absl::StrCat("SELECT ", kChangeColumns, " FROM change AS c WHERE c.revision = ?")) {}

  // `row` stands on a change that failed its check with `why`. The resource that it names may be
  // the damage; the change before it tells whose it was.
  void Add(const Query& row, const DamagedRow& why, Pointers& pointers) {
    LogError(absl::StrCat("store: damaged data found in the log: ", why.what()));
    const Pointer pointer{row.Int(0), {std::numeric_limits<int64_t>::min(), Rank::kEmbedded, 0}};
    if (scopes_.Find(row.Int(kScope)) != nullptr) {
      pointers[{row.Int(kScope), std::string(row.Bytes(kScope + 1))}] = pointer;
    }
    Query before(read_);
    before.Bind(row.Int(1));
    if (!before.Next()) return;
    const Scope* scope = scopes_.Find(before.Int(kScope));
    if (scope == nullptr) return;
    try {
      pointers[{scope->id, ReadChange(before, 0, false, *scope).change.key.id}] = pointer;
    } catch (const DamagedRow&) {
      // Both are, and nothing more is known.
    }
  }

 private:
  const Scopes& scopes_;
  SQLite::Statement read_;
};

void LateWork::Recover(const std::function<void()>& step) {
  const Watermark from = ReadWatermark(database_);
  overlay_.Begin(from.revision);
  applied_ = from.revision;
  Overlay::Added added;
  added.revision = from.revision;
  added.delivery = from.delivery;
  SQLite::Statement select(
      database_, absl::StrCat("SELECT ", kChangeColumns,
                              " FROM change AS c WHERE c.revision > ? ORDER BY c.revision"));
  RecoveredIndex index(database_, options_);
  RecoveredDamage damage(database_, scopes_);
  Query rows(select);
  rows.Bind(from.revision);
  while (rows.Next()) {
    added.revision = rows.Int(0);
    added.scopes.push_back(rows.Int(kScope));
    try {
      const Scope& scope = ScopeOf(rows.Int(kScope));
      const ChangeRow row = ReadChange(rows, 0, false, scope);
      // A replay makes changes under older numbers.
      added.delivery = std::max(added.delivery, row.change.delivery);
      added.pointers[{scope.id, row.change.key.id}] = {added.revision, row.version};
      index.Add(scope, row.change, added.entries);
    } catch (const DamagedRow& why) {
      damage.Add(rows, why, added.pointers);
    }
    if (++added.weight % kRecoverStep == 0) step();
  }
  Overlay::Added raises = ReadRaises(from.delivery);
  for (auto& [key, raised] : raises.pointers) {
    // A note of a state that was replaced later has had its day.
    Pointer& pointer = added.pointers[key];
    if (raised.revision >= pointer.revision && raised.version > pointer.version) pointer = raised;
  }
  added.weight += raises.weight;
  added.delivery = std::max(added.delivery, raises.delivery);
  raises_until_ = from.delivery;
  raises_left_ = true;
  step();
  overlay_.Add(std::move(added));
}

Overlay::Added LateWork::ReadRaises(int64_t after_delivery) {
  Overlay::Added raises;
  SQLite::Statement select(
      database_,
      "SELECT scope, id, revision, version_time, version_rank, delivery, crc FROM raise"
      " WHERE delivery > ? ORDER BY delivery");
  Query rows(select);
  rows.Bind(after_delivery);
  while (rows.Next()) {
    try {
      const Key key = ScopeOf(rows.Int(0)).KeyOf(rows.Bytes(1));
      raises.pointers[{rows.Int(0), key.id}] = ReadPointer(rows, 2, key);
    } catch (const DamagedRow& why) {
      LogError(absl::StrCat("store: damaged data passed over, a version stays lower than it was: ",
                            why.what()));
      continue;
    }
    raises.delivery = rows.Int(5);
    ++raises.weight;
  }
  return raises;
}

void LateWork::NoteRaise(const Scope& scope, std::string_view id, const Pointer& pointer) {
  Query(put_raise_)
      .Bind(pointer.version.delivery)
      .Bind(scope.id)
      .Bind(id)
      .Bind(pointer.revision)
      .Bind(pointer.version.time_us)
      .Bind(static_cast<int64_t>(pointer.version.rank))
      .Bind(PointerChecksum(scope.KeyOf(id), pointer))
      .Run();
}

void LateWork::WriteSlice(size_t weight) {
  const size_t rows = SliceRows(weight);
  if (raises_left_) {
    Query(delete_raises_).Bind(raises_until_).Bind(static_cast<int64_t>(rows)).Run();
    raises_left_ = database_.getChanges() > 0;
  }
  if (!Begin(weight_max_)) return;
  // One table after the other: a slice then lies in few pages. A change has a row in each of the
  // first two, and as many in the third as it has entries.
  const size_t kinds = 2 + EntriesPerChange();
  size_t left = rows * kinds;
  left -= WritePointers(left);
  left -= WriteRevisions(left);
  left -= WriteEntries(left);
  if (left == 0) return;
  WriteWatermark();
  writing_.finished = true;
}

size_t LateWork::EntriesPerChange() const {
  return (layer_->entries.size() + layer_->weight - 1) / std::max<size_t>(layer_->weight, 1);
}

void LateWork::Take(Overlay::LayerPtr layer) {
  layer_ = std::move(layer);
  if (layer_ == nullptr) return;
  written_ = {layer_->pointers.begin(), layer_->revisions.begin(), 0, layer_->entries.begin(),
              false};
  writing_ = written_;
}

size_t LateWork::WritePointers(size_t rows) {
  Cursor& at = writing_;
  size_t written = 0;
  for (; written < rows && at.pointer != layer_->pointers.end(); ++at.pointer, ++written) {
    const auto& [key, pointer] = *at.pointer;
    PutPointer(put_pointer_, ScopeOf(key.scope).KeyOf(key.id), key.scope, pointer);
  }
  return written;
}

size_t LateWork::WriteRevisions(size_t rows) {
  Cursor& at = writing_;
  size_t written = 0;
  while (written < rows && at.scope != layer_->revisions.end()) {
    const std::vector<Revision>& revisions = at.scope->second;
    for (; written < rows && at.index < revisions.size(); ++at.index, ++written) {
      Query(put_revision_).Bind(at.scope->first).Bind(revisions[at.index]).Run();
    }
    if (at.index == revisions.size()) {
      ++at.scope;
      at.index = 0;
    }
  }
  return written;
}

size_t LateWork::WriteEntries(size_t rows) {
  Cursor& at = writing_;
  size_t written = 0;
  for (; written < rows && at.entry != layer_->entries.end(); ++at.entry, ++written) {
    const auto& [key, events] = *at.entry;
    for (const Revision event : events) {
      Query query(event > 0 ? open_entry_ : close_entry_);
      query.Bind(key.scope()).Bind(key.field()).Bind(key.value()).Bind(key.id());
      query.Bind(std::abs(event)).Run();
    }
  }
  return written;
}

void LateWork::WriteWatermark() {
  Query(put_watermark_).BindText(kAppliedRevision).Bind(layer_->revision).Run();
  Query(put_watermark_).BindText(kAppliedDelivery).Bind(layer_->delivery).Run();
}

void LateWork::Committed() {
  written_ = writing_;
  if (layer_ == nullptr || !written_.finished) return;
  applied_ = layer_->revision;
  raises_until_ = layer_->delivery;
  raises_left_ = true;
  layer_.reset();
  overlay_.Drop();
}

void LateWork::RolledBack() {
  writing_ = written_;
  raises_left_ = true;
}

bool LateWork::Begin(size_t weight_min) {
  if (layer_ == nullptr) Take(overlay_.Freeze(weight_min));
  return layer_ != nullptr;
}

const Scope& LateWork::ScopeOf(int64_t id) {
  if (last_scope_ == nullptr || last_scope_->id != id) last_scope_ = scopes_.Find(id);
  if (last_scope_ == nullptr) throw DamagedRow(absl::StrCat("scope ", id, " is not known"));
  return *last_scope_;
}

}  // namespace tributary::sqlite
