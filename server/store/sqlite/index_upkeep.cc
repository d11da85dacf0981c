#include "server/store/sqlite/index_upkeep.h"

#include <utility>
#include <vector>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {
namespace {

// Rows of a slice: some more than a change adds, so that a round ends before too much has gathered.
constexpr size_t kRowsPerWeight = 8;

constexpr int kBuildSlice = 4096;

}  // namespace

IndexUpkeep::IndexUpkeep(SQLite::Database& database, const Scopes& scopes, Floors& floors,
                         const SqliteOptions& options)
    : database_(database),
      scopes_(scopes),
      floors_(floors),
      options_(options),
      pointers_(database,
                "SELECT scope, id, revision FROM resource WHERE (scope, id) > (?,?)"
                " ORDER BY scope, id LIMIT ?"),
      state_(database, "SELECT kind, state FROM change WHERE revision = ?"),
      insert_(database,
              "INSERT INTO entry (scope, field, value, id, from_revision, until_revision)"
              " VALUES (?,?,?,?,?,0)"),
      put_meta_(database, "UPDATE meta SET value = ?2 WHERE key = ?1"),
      scan_(database,
            "SELECT scope, field, value, id, from_revision, until_revision FROM entry"
            " WHERE (scope, field, value, id, from_revision) > (?,?,?,?,?)"
            " ORDER BY scope, field, value, id, from_revision LIMIT ?"),
      delete_(database,
              "DELETE FROM entry WHERE scope = ? AND field = ? AND value = ? AND id = ?"
              " AND from_revision = ?") {}

void IndexUpkeep::Recover() {
  if (ReadMeta(database_, kIndexDefinition) != options_.index_definition) Build();
  floors_.index.store(ReadMeta(database_, kIndexFloor));
}

void IndexUpkeep::Build() {
  database_.exec("DELETE FROM entry");
  Place last;
  for (bool more = options_.index != nullptr; more;) {
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    more = BuildSlice(last);
    transaction.commit();
  }
  SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
  Query(put_meta_).BindText(kIndexDefinition).Bind(options_.index_definition).Run();
  Query(put_meta_).BindText(kIndexFloor).Bind(ReadWatermark(database_).revision).Run();
  transaction.commit();
}

bool IndexUpkeep::BuildSlice(Place& last) {
  std::vector<std::pair<Place, Revision>> resources;
  {
    Query rows(pointers_);
    rows.Bind(last.scope).Bind(last.id).Bind(kBuildSlice);
    while (rows.Next()) {
      Place place;
      place.scope = rows.Int(0);
      place.id = rows.Bytes(1);
      resources.emplace_back(std::move(place), rows.Int(2));
    }
  }
  for (const auto& [place, revision] : resources) {
    const Scope* scope = scopes_.Find(place.scope);
    if (scope != nullptr) Insert(*scope, place.id, revision);
  }
  if (!resources.empty()) last = std::move(resources.back().first);
  return !resources.empty();
}

void IndexUpkeep::Insert(const Scope& scope, const std::string& id, Revision revision) {
  Query row(state_);
  row.Bind(revision);
  if (!row.Next()) return;
  const auto kind = static_cast<ChangeKind>(row.Int(0));
  if (IsTombstone(kind)) return;
  for (const IndexEntry& entry : options_.index(scope.model, row.Bytes(1))) {
    Query(insert_).Bind(scope.id).Bind(entry.field).Bind(entry.value).Bind(id).Bind(revision).Run();
  }
}

void IndexUpkeep::WriteSlice(size_t weight) {
  const bool begins = round_.place.scope == 0;
  if (begins) {
    const Revision floor = floors_.history.load();
    if (floor == round_.clean_floor) return;  // nothing has left the history since
    round_.floor = floor;
  }
  std::vector<Place> gone;
  size_t passed = 0;
  const size_t limit = kRowsPerWeight * weight;
  {
    Query rows(scan_);
    const Place from = round_.place;  // what is bound must not move
    rows.Bind(from.scope).Bind(from.field).Bind(from.value).Bind(from.id).Bind(from.from);
    rows.Bind(static_cast<int64_t>(limit));
    for (; rows.Next(); ++passed) {
      const int64_t until = rows.Int(5);
      const bool last = passed + 1 == limit;
      if (!last && (until == 0 || until > round_.floor)) continue;
      Place place{rows.Int(0), rows.Int(1), std::string(rows.Bytes(2)), std::string(rows.Bytes(3)),
                  rows.Int(4)};
      if (last) round_.place = place;
      if (until != 0 && until <= round_.floor) gone.push_back(std::move(place));
    }
  }
  for (const Place& place : gone) {
    Query(delete_)
        .Bind(place.scope)
        .Bind(place.field)
        .Bind(place.value)
        .Bind(place.id)
        .Bind(place.from)
        .Run();
  }
  if (passed < limit) {
    round_.place = {};
    round_.clean_floor = round_.floor;
  }
}

}  // namespace tributary::sqlite
