#include "server/store/sqlite/settled.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/wire.h"
#include "server/store/sqlite/rows.h"

namespace tributary::sqlite {
namespace {

constexpr size_t kIdBytesMax = 512;

uint64_t KindNumber(const SettledEntry& entry) {
  return entry.kind.has_value() ? static_cast<uint64_t>(*entry.kind) : 0;
}

bool TakeBytes(std::string_view& from, std::string_view& bytes) {
  uint64_t size = 0;
  if (!wire::TakeVarint(from, size) || size > from.size()) return false;
  bytes = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

void AppendSized(std::string& out, std::string_view bytes) {
  wire::AppendVarint(out, bytes.size());
  out.append(bytes);
}

}  // namespace

std::string_view BehindAllIds() {
  static const auto* const id = new std::string(kIdBytesMax + 1, '\xFF');
  return *id;
}

size_t EntryBytes(const SettledEntry& entry) {
  return wire::VarintSize(entry.id.size()) + entry.id.size() +
         wire::VarintSize(static_cast<uint64_t>(entry.revision)) + 1 +
         wire::VarintSize(entry.state.size()) + entry.state.size();
}

void AppendEntry(std::string& entries, const SettledEntry& entry) {
  AppendSized(entries, entry.id);
  wire::AppendVarint(entries, static_cast<uint64_t>(entry.revision));
  wire::AppendVarint(entries, KindNumber(entry));
  AppendSized(entries, entry.state);
}

bool TakeEntry(std::string_view& entries, SettledEntry& entry) {
  if (entries.empty()) return false;
  uint64_t revision = 0;
  uint64_t kind = 0;
  const bool whole = TakeBytes(entries, entry.id) && wire::TakeVarint(entries, revision) &&
                     wire::TakeVarint(entries, kind) && TakeBytes(entries, entry.state);
  if (!whole || kind > static_cast<uint64_t>(ChangeKind::kDeleted)) {
    throw DamagedRow("settled: entry");
  }
  entry.revision = static_cast<Revision>(revision);
  entry.kind.reset();
  if (kind != 0) entry.kind = static_cast<ChangeKind>(kind);
  return true;
}

int64_t BlockChecksum(const Scope& scope, std::string_view first, Revision revision,
                      std::string_view entries) {
  return RowChecksum()
      .Add(scope.model)
      .Add(scope.connector_id)
      .Add(scope.owner_id)
      .Add(first)
      .Add(revision)
      .Add(entries)
      .value();
}

void CheckPlace(std::string_view first, std::string_view first_in_index) {
  if (first != first_in_index) throw DamagedRow("settled block: where it begins");
}

SettledBlocks::SettledBlocks(SQLite::Database& database)
    : outline_(database,
               "SELECT number, first, revision, resources FROM settled WHERE scope = ?"
               " AND first <= ? ORDER BY first DESC LIMIT 1"),
      read_(database, "SELECT first, crc, entries FROM settled WHERE number = ?"),
      until_(database,
             "SELECT first FROM settled WHERE scope = ? AND first > ? ORDER BY first LIMIT 1"),
      put_(database,
           "INSERT OR REPLACE INTO settled (number, scope, first, revision, resources, crc,"
           " entries) VALUES (nullif(?, 0),?,?,?,?,?,?)"),
      remove_(database, "DELETE FROM settled WHERE number = ?") {}

SettledBlocks::Placed SettledBlocks::Outline(const Scope& scope, std::string_view id) {
  Placed placed;
  {
    Query row(outline_);
    row.Bind(scope.id).Bind(id);
    if (row.Next()) {
      placed.number = row.Int(0);
      placed.block = {std::string(row.Bytes(1)), row.Int(2), row.Int(3), ""};
    }
  }
  Query next(until_);
  next.Bind(scope.id).Bind(placed.block.first);
  placed.is_last = !next.Next();
  placed.until = placed.is_last ? BehindAllIds() : next.Bytes(0);
  return placed;
}

SettledBlocks::Placed SettledBlocks::Covering(const Scope& scope, std::string_view id) {
  Placed placed = Outline(scope, id);
  if (!placed.number.has_value()) return placed;
  SettledBlock& block = placed.block;
  Query row(read_);
  row.Bind(*placed.number);
  if (!row.Next()) throw DamagedRow(absl::StrCat("settled block ", *placed.number, " is missing"));
  CheckPlace(row.Bytes(0), block.first);
  block.entries = row.Bytes(2);
  if (row.Int(1) != BlockChecksum(scope, block.first, block.revision, block.entries)) {
    LogError(absl::StrCat("store: damaged copies are passed over: block ", *placed.number));
    placed.block = {block.first, 0, 0, ""};
  }
  return placed;
}

void SettledBlocks::Put(const Scope& scope, const SettledBlock& block,
                        std::optional<int64_t> number) {
  Query(put_)
      .Bind(number.value_or(0))
      .Bind(scope.id)
      .Bind(block.first)
      .Bind(block.revision)
      .Bind(block.resources)
      .Bind(BlockChecksum(scope, block.first, block.revision, block.entries))
      .Bind(block.entries)
      .Run();
}

void SettledBlocks::Remove(int64_t number) { Query(remove_).Bind(number).Run(); }

void SettledBlocks::Forget(const Scope& scope, std::string_view id, Revision revision) {
  if (Outline(scope, id).block.revision >= revision) return;  // shows the tombstone at the most
  const Placed placed = Covering(scope, id);
  SettledBlock left{placed.block.first, placed.block.revision, 0, ""};
  std::string_view rest = placed.block.entries;
  for (SettledEntry entry; TakeEntry(rest, entry);) {
    if (entry.id == id && entry.revision <= revision) continue;
    AppendEntry(left.entries, entry);
    ++left.resources;
  }
  if (left.resources < placed.block.resources) Put(scope, left, placed.number);
}

}  // namespace tributary::sqlite
