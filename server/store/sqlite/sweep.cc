#include "server/store/sqlite/sweep.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {
namespace {

// Of a slice: a millisecond or two, for which a commit may have to wait.
constexpr int kBlocksPerSlice = 32;
constexpr size_t kCopiesPerSlice = 256;

// With its row it fits on a page.
constexpr size_t kBlockBytes = 15 * 1024;

// A sweep looks at every pointer, so it waits until a sixteenth of them may have changed.
constexpr int64_t kChangesMin = 256;
constexpr int64_t kResourcesPerChange = 16;

// Parts entries into blocks of much the same size. Behind the last block of a scope most likely
// come more, so there all but the last one are full.
std::vector<std::vector<SettledEntry>> Part(const std::vector<SettledEntry>& entries,
                                            bool is_last) {
  size_t all = 0;
  for (const SettledEntry& entry : entries) all += EntryBytes(entry);
  const size_t parts = (all + kBlockBytes - 1) / kBlockBytes;
  const size_t enough = is_last || parts < 2 ? kBlockBytes : all / parts;
  std::vector<std::vector<SettledEntry>> blocks(1);
  size_t bytes = 0;
  for (const SettledEntry& entry : entries) {
    const size_t more = EntryBytes(entry);
    if (bytes + more > enough && !blocks.back().empty()) {
      blocks.emplace_back();
      bytes = 0;
    }
    bytes += more;
    blocks.back().push_back(entry);
  }
  return blocks;
}

SettledBlock BlockOf(std::string_view first, Revision revision,
                     const std::vector<SettledEntry>& entries) {
  SettledBlock block{std::string(first), revision, static_cast<int64_t>(entries.size()), ""};
  for (const SettledEntry& entry : entries) AppendEntry(block.entries, entry);
  return block;
}

// The smallest id behind it.
std::string Behind(std::string_view id) { return std::string(id) + '\0'; }

}  // namespace

Sweep::Sweep(SQLite::Database& database, const Scopes& scopes, const Floors& floors)
    : scopes_(scopes),
      floors_(floors),
      blocks_(database),
      next_scope_(database, "SELECT scope FROM resource WHERE scope > ? ORDER BY scope LIMIT 1"),
      newer_(database,
             "SELECT id, revision FROM resource WHERE scope = ? AND id >= ? AND id < ?"
             " AND revision > ? ORDER BY id LIMIT ?"),
      read_(database,
            absl::StrCat("SELECT ", kChangeColumns, " FROM change AS c WHERE c.revision = ?")),
      note_(database, "UPDATE meta SET value = ?2 WHERE key = ?1") {
  swept_ = ReadMeta(database, kSweptRevision);
  resources_ = ReadMeta(database, kSweptResources);
}

bool Sweep::Due(Revision applied) const {
  return progress_.under_way ||
         applied - swept_ >= std::max(kChangesMin, resources_ / kResourcesPerChange);
}

void Sweep::WriteSlice(Revision applied) {
  if (!next_.under_way) {
    next_ = {};
    next_.under_way = true;
    next_.began = applied;
  }
  size_t room = kCopiesPerSlice;
  for (int i = 0; i < kBlocksPerSlice && room > 0 && next_.under_way; ++i) {
    room -= std::min(room, SweepBlock(applied, room));
  }
  if (next_.under_way) return;
  Query(note_).BindText(kSweptRevision).Bind(next_.began).Run();
  Query(note_).BindText(kSweptResources).Bind(next_.resources).Run();
}

const Scope* Sweep::NextScope() {
  const Scope* scope = next_.from.has_value() ? scopes_.Find(next_.scope) : nullptr;
  while (scope == nullptr) {
    Query row(next_scope_);
    row.Bind(next_.scope);
    if (!row.Next()) return nullptr;
    next_.scope = row.Int(0);
    next_.from = "";
    scope = scopes_.Find(next_.scope);  // null: damage, reported to who reads its resources
  }
  return scope;
}

size_t Sweep::SweepBlock(Revision applied, size_t room) {
  const Scope* scope = NextScope();
  next_.under_way = scope != nullptr;
  if (scope == nullptr) return 0;
  Range range = ReadRange(*scope, *next_.from);
  if (range.newer.size() > room && room < kCopiesPerSlice) return kCopiesPerSlice;
  std::string until = range.was.until;
  const bool done = range.was.is_last && !range.cut;
  if (range.newer.empty()) {
    next_.resources += range.was.block.resources;
  } else {
    Merge(*scope, range);
    until = Write(*scope, range, applied);
  }
  next_.from.reset();
  if (!done) next_.from = std::move(until);
  return range.newer.size();
}

Sweep::Range Sweep::ReadRange(const Scope& scope, std::string_view from) {
  Range range;
  range.was = blocks_.Outline(scope, from);
  ReadNewer(scope, range);
  if (range.newer.empty()) return range;
  const Revision outlined = range.was.block.revision;
  range.was = blocks_.Covering(scope, from);
  if (range.was.block.revision != outlined) ReadNewer(scope, range);  // damaged: all of it
  return range;
}

void Sweep::ReadNewer(const Scope& scope, Range& range) {
  range.newer.clear();
  const SettledBlock& block = range.was.block;
  Query rows(newer_);
  rows.Bind(scope.id).Bind(block.first).Bind(range.was.until).Bind(block.revision);
  rows.Bind(static_cast<int64_t>(kCopiesPerSlice + 1));
  while (rows.Next()) range.newer.push_back({std::string(rows.Bytes(0)), rows.Int(1)});
  range.cut = range.newer.size() > kCopiesPerSlice;
  if (range.cut) range.newer.pop_back();
}

void Sweep::Merge(const Scope& scope, Range& range) {
  // Of tombstones that are gone nobody asks any more.
  const Revision gone = std::min(floors_.tombstones.load(), floors_.history.load());
  const auto add = [&](const SettledEntry& entry) {
    if (!entry.IsTombstone() || entry.revision > gone) range.entries.push_back(entry);
  };
  std::string_view rest = range.was.block.entries;
  SettledEntry entry;
  bool more = TakeEntry(rest, entry);
  for (const Newer& newer : range.newer) {
    for (; more && entry.id < newer.id; more = TakeEntry(rest, entry)) add(entry);
    const bool same = more && entry.id == newer.id;
    const bool is_copied = same && entry.revision == newer.revision && entry.kind.has_value();
    add(is_copied ? entry : EntryOf(scope, newer, range));
    if (same) more = TakeEntry(rest, entry);
  }
  for (; more && !range.cut; more = TakeEntry(rest, entry)) add(entry);
}

SettledEntry Sweep::EntryOf(const Scope& scope, const Newer& newer, Range& range) {
  SettledEntry entry{newer.id, newer.revision, std::nullopt, ""};
  Query row(read_);
  row.Bind(newer.revision);
  if (!row.Next()) return entry;  // damage is reported to who reads the resource
  try {
    ChangeRow& change = range.rows.emplace_back(ReadChange(row, 0, false, scope));
    if (change.change.key.id != newer.id) return entry;
    entry.kind = change.change.kind;
    entry.state = change.change.state;
  } catch (const DamagedRow&) {
  }
  return entry;
}

std::string Sweep::Write(const Scope& scope, const Range& range, Revision applied) {
  const SettledBlocks::Placed& was = range.was;
  std::vector<std::vector<SettledEntry>> parts = Part(range.entries, was.is_last);
  std::string until = was.until;
  if (range.cut) {
    // The last part is not full yet.
    until = Behind(range.newer.back().id);
    if (parts.size() > 1) {
      parts.pop_back();
      until = Behind(parts.back().back().id);
    }
    SettledBlock rest{until, was.block.revision, 0, ""};
    std::string_view entries = was.block.entries;
    for (SettledEntry entry; TakeEntry(entries, entry);) {
      if (entry.id < until) continue;
      AppendEntry(rest.entries, entry);
      ++rest.resources;
    }
    blocks_.Put(scope, rest, std::nullopt);
  }
  if (range.entries.empty() && !was.block.first.empty() && !range.cut) {
    blocks_.Remove(*was.number);
    return until;
  }
  std::optional<int64_t> number = was.number;
  std::string_view first = was.block.first;
  for (const std::vector<SettledEntry>& part : parts) {
    if (&part != &parts.front()) first = part.front().id;
    blocks_.Put(scope, BlockOf(first, applied, part), number);
    next_.resources += static_cast<int64_t>(part.size());
    number.reset();
  }
  return until;
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
