#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/store.h"

namespace tributary::sqlite {

// Reads the deliveries on record: those with a row in `delivery`, and those that are changes in the
// log, in the order of their numbers, in which both tables lie. Within a snapshot that its owner
// has opened. Throws SQLite::Exception and DamagedRow. Not thread-safe; what it is given must
// outlive it.
class LedgerReader {
 public:
  LedgerReader(SQLite::Database& database, const Scopes& scopes);

  // What was committed after `head` is passed over.
  DeliveryPage List(const DeliveryQuery& query, Revision head);
  std::optional<DeliveryRecord> Get(int64_t number, Revision head);

 private:
  class Merge;

  // The numbers that count: none of a change after `head`, and none after such a one.
  int64_t NumberMax(Revision head);
  // The first revision of which all changes at or after it have this number or a greater one.
  Revision RevisionOf(int64_t number, Revision head);
  DeliveryRecord OfChange(const Query& query) const;
  static DeliveryRecord OfRow(const Query& query);
  void ReadBodyInto(DeliveryRecord& record);

  const Scopes& scopes_;
  SQLite::Statement probe_;
  SQLite::Statement rows_newest_;
  SQLite::Statement rows_oldest_;
  SQLite::Statement changes_newest_;
  SQLite::Statement changes_oldest_;
  SQLite::Statement body_;
};

}  // namespace tributary::sqlite
