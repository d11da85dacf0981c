#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "server/store/sqlite/bodies.h"
#include "server/store/sqlite/fingerprints.h"
#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/late_work.h"
#include "server/store/sqlite/ledger.h"
#include "server/store/sqlite/ledger_upkeep.h"
#include "server/store/sqlite/open_deliveries.h"
#include "server/store/sqlite/overlay.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/types.h"

namespace tributary::sqlite {

// The last of each number and time that was given. None of them ever goes back.
struct Position {
  Revision revision = 0;
  int64_t committed_us = 0;
  int64_t delivery = 0;
  int64_t received_us = 0;
};

// What a transaction in progress has added so far. Dropped with it if it fails.
struct Batch {
  Position position;  // `committed_us` is that of the batch
  std::deque<Scope> scopes;
  std::map<ScopeName, const Scope*> scope_by_name;  // of `scopes`
  std::vector<ChangePtr> changes;
  Overlay::Added late;            // of the tables that are written late
  bool raised_by_replay = false;  // a version rose under a number that was given long ago
};

// Decides what becomes of each delivery, and writes it down: the rules of order, versions and
// duplicates. Works within the transaction in progress on `database`, so that it sees what earlier
// deliveries of the same batch did. What it is given must outlive it. Not thread-safe.
class Judge {
 public:
  Judge(SQLite::Database& database, const Scopes& scopes, const Overlay& overlay,
        const Floors& floors, LateWork& late_work, Fingerprints& fingerprints, Bodies& bodies,
        OpenDeliveries& open, LedgerUpkeep& ledger_upkeep, const SqliteOptions& options);

  Outcome Decide(const Delivery& delivery, Batch& batch);

 private:
  // The delivery that a mutation came with.
  struct Origin {
    const Delivery& delivery;
    int64_t number;
    int64_t received_us;
    Note note;
    const std::string& fingerprint;
    bool replayed = false;  // the row of its change is not the one that records it
    bool accepted = false;  // when it came: what it said stands, or was replaced
  };
  struct Ruling {
    Verdict verdict;
    Revision revision;
    std::optional<Version> version;  // none: it was not judged
  };
  // What stands at a key before a mutation.
  struct Standing {
    const Scope* scope = nullptr;
    std::optional<Pointer> pointer;
    std::optional<ChangeRow> row;  // none also if it is damaged
    bool alive = false;
  };

  void Enter(const Delivery& delivery, const Outcome& outcome, int64_t received_us,
             const std::optional<Version>& version, Note note, std::string_view fingerprint);
  bool KeepsBody(const Delivery& delivery, Verdict verdict) const;
  Outcome DecideAgain(const Delivery& delivery, const Replay& replay, Batch& batch);
  Ruling ApplyAll(const Origin& origin, Batch& batch);
  // When the list was read that showed the delivery's own resource; none: it has no bearing.
  static std::optional<int64_t> ObservedAt(const Origin& origin);
  // The tombstone that stands is older than what was seen.
  static bool IsOutdated(const Pointer& standing, const Origin& origin);
  Ruling Apply(const Mutation& mutation, int64_t time_us, bool own, const Origin& origin,
               Batch& batch);
  Standing Look(const Key& key, const Batch& batch);
  // What stands says the same.
  bool Equals(const Mutation& mutation, const Standing& standing);
  // The mutation was made for what stands.
  bool IsExpected(const Mutation& mutation, const Standing& standing);
  // The pointer is to a tombstone that is gone: nothing stands there any more.
  bool IsGone(const Pointer& pointer);
  std::optional<ChangeRow> ReadRow(const Key& key, const Scope& scope, Revision revision);
  void Append(const Mutation& mutation, const Version& version, const Standing& before, bool own,
              const Origin& origin, Batch& batch);
  void Put(const Key& key, const Scope& scope, const Pointer& pointer, Batch& batch);
  const Scope* FindScope(const Key& key, const Batch& batch) const;
  const Scope* MakeScope(const Key& key, Batch& batch);

  const Scopes& scopes_;
  const Overlay& overlay_;
  const Floors& floors_;
  LateWork& late_work_;
  Fingerprints& fingerprints_;
  Bodies& bodies_;
  OpenDeliveries& open_;
  LedgerUpkeep& ledger_upkeep_;
  const SqliteOptions& options_;
  Ledger ledger_;
  SQLite::Statement find_pointer_;
  SQLite::Statement read_change_;
  SQLite::Statement insert_change_;
  SQLite::Statement insert_scope_;
};

}  // namespace tributary::sqlite
