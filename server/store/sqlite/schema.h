#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/scopes.h"

// What the file looks like, how an older one is brought forward, and how a foreign one is told.
//
//   change           the log: every state of every resource, once, in the order of commit
//   resource         the newest change of each resource, tombstones included; written late
//   settled          copies of states in key order, in blocks, for reading; made at leisure
//   change_of_scope  the revisions of each scope; written late
//   raise            versions that rose without a change, until `resource` has them
//   scope            (model, connector, owner) under a number
//   delivery         the ledger's rows for deliveries of which the log does not tell everything
//   body             raw bodies that the ledger keeps, compressed
//   fingerprint_block  what the check for duplicates has to remember, in sorted runs
//   fingerprint      the same, as files before version 6 have it
//   fingerprint_run  the filters of those runs
//   entry            the index: which value a field had, from when until when
//   released         which rows of the log may go
//   meta             store_id, the floors of the history, up to where late tables are complete
namespace tributary::sqlite {

inline constexpr int kApplicationId = 0x54524942;  // "TRIB"
inline constexpr int kSchemaVersion = 6;

// Tells from the first bytes of `path`, without SQLite and without writing, whether this version
// may open it: OK if it is ours, empty or not there. FAILED_PRECONDITION, UNAVAILABLE.
absl::Status CheckFile(const std::string& path);

// Makes the tables if the file is empty, else brings them to kSchemaVersion, one version at a time,
// each in a transaction of its own. FAILED_PRECONDITION: a newer version wrote it; nothing was
// changed.
absl::Status CreateOrMigrate(const std::string& path);

// What is read once, when the store is opened.
struct Opened {
  std::string store_id;
  Revision revision = 0;     // of the newest change
  int64_t committed_us = 0;  // of the newest change
  int64_t delivery = 0;      // the last number given
  int64_t received_us = 0;   // of that delivery
};
Opened ReadOpened(SQLite::Database& database);

// Up to where the tables that are written late are complete: the keys in `meta`, and their values.
inline const std::string kAppliedRevision = "applied_revision";
inline const std::string kAppliedDelivery = "applied_delivery";
// How far back the file reaches (floors.h), and how many rows of the log were removed so far.
inline const std::string kHistoryFloor = "history_floor";
inline const std::string kTombstoneFloor = "tombstone_floor";
inline const std::string kRemovedRows = "removed_rows";
inline const std::string kIndexDefinition = "index_definition";
inline const std::string kIndexFloor = "index_floor";
// The last number and time of receipt that were given when a row of the ledger was removed, or a
// change was made under an older number: what is left does not tell them any more.
inline const std::string kGivenDelivery = "given_delivery";
inline const std::string kGivenReceived = "given_received_us";
// What the bodies take, and how many deliveries wait to be purged or accepted.
inline const std::string kBodyBytes = "body_bytes";
inline const std::string kParkedDeliveries = "parked_deliveries";
inline const std::string kRejectedDeliveries = "rejected_deliveries";
// What the last complete sweep (sweep.h) saw: the head when it began, and how many resources.
inline const std::string kSweptRevision = "swept_revision";
inline const std::string kSweptResources = "swept_resources";

// An integer of `meta`.
int64_t ReadMeta(SQLite::Database& database, const std::string& key);

struct Watermark {
  Revision revision = 0;
  int64_t delivery = 0;
};
Watermark ReadWatermark(SQLite::Database& database);

void LoadScopes(SQLite::Database& database, Scopes& scopes);

}  // namespace tributary::sqlite
