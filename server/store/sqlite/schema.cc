#include "server/store/sqlite/schema.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/error.h"
#include "server/store/sqlite/big_endian.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/migrations.h"

namespace tributary::sqlite {
namespace {

absl::Status NewerVersion(const std::string& path, int64_t version) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " was written by a newer version of Tributary (format ", version,
                   ", this one knows ", kSchemaVersion, ")"));
}

std::string RandomId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&id, "%08x", random());
  return id;
}

// One transaction holds the tables and the marks by which the file is known, so that a file that
// was cut off in the middle is empty again.
void Create(SQLite::Database& database) {
  database.exec("PRAGMA page_size = 16384");
  SQLite::Transaction transaction(database);
  // Can't be switched on later without a rewrite, and is a write of its own.
  database.exec("PRAGMA auto_vacuum = INCREMENTAL");
  for (const char* step : kMigrations) database.exec(step);
  SQLite::Statement insert(database, "INSERT INTO meta (key, value) VALUES ('store_id', ?)");
  insert.bind(1, RandomId());
  insert.exec();
  database.exec(absl::StrCat("PRAGMA application_id = ", kApplicationId));
  database.exec(absl::StrCat("PRAGMA user_version = ", kSchemaVersion));
  transaction.commit();
}

// The transaction that was to make the file was cut off by a loss of power: it has a journal, by
// which SQLite takes back what there is of it.
bool IsHalfMade(const std::string& path, std::span<const char> head) {
  std::error_code none;
  return std::all_of(head.begin(), head.end(), [](char c) { return c == 0; }) &&
         std::filesystem::exists(path + "-journal", none);
}

int64_t ReadInt(SQLite::Database& database, const char* query) {
  return database.execAndGet(query).getInt64();
}

}  // namespace

absl::Status CheckFile(const std::string& path) {
  constexpr std::string_view kMagic("SQLite format 3\0", 16);
  constexpr size_t kUserVersionAt = 60;
  constexpr size_t kApplicationIdAt = 68;

  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    if (errno == ENOENT) return absl::OkStatus();
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat("can't open ", path, ": ", std::strerror(errno)),
                     reason::kStoreUnavailable);
  }
  std::array<char, 100> head{};
  file.read(head.data(), head.size());
  const auto size = static_cast<size_t>(file.gcount());
  if (file.bad()) {
    return MakeError(absl::StatusCode::kUnavailable, absl::StrCat("can't read ", path),
                     reason::kStoreUnavailable);
  }
  if (size == 0 || IsHalfMade(path, head)) return absl::OkStatus();
  if (size < head.size() || std::string_view(head.data(), kMagic.size()) != kMagic) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a Tributary store: it is not an SQLite database"));
  }
  if (BigEndian(&head[kApplicationIdAt]) != kApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a Tributary store: it is another program's database"));
  }
  const uint32_t version = BigEndian(&head[kUserVersionAt]);
  return version > kSchemaVersion ? NewerVersion(path, version) : absl::OkStatus();
}

absl::Status CreateOrMigrate(const std::string& path) {
  SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 10'000);
  // The version that counts may still be in the write-ahead log. Should it be too new, closing must
  // not move the log into the file.
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  database.exec("PRAGMA synchronous = FULL");
  if (sqlite3_db_readonly(database.getHandle(), "main") == 1) {
    return MakeError(absl::StatusCode::kUnavailable, absl::StrCat(path, " may not be written"),
                     reason::kStoreUnavailable);
  }
  int64_t version = ReadInt(database, "PRAGMA user_version");
  if (version > kSchemaVersion) return NewerVersion(path, version);
  if (version == 0) {
    Create(database);
  } else {
    for (; version < kSchemaVersion; ++version) {
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      database.exec(kMigrations[static_cast<size_t>(version)]);
      database.exec(absl::StrCat("PRAGMA user_version = ", version + 1));
      transaction.commit();
    }
  }
  if (database.execAndGet("PRAGMA journal_mode = WAL").getString() != "wal") {
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat(path, " lies on a file system without shared memory"),
                     reason::kStoreUnavailable);
  }
  return absl::OkStatus();
}

Opened ReadOpened(SQLite::Database& database) {
  Opened opened;
  SQLite::Statement meta(database, "SELECT key, value FROM meta");
  while (meta.executeStep()) {
    const std::string key = meta.getColumn(0).getString();
    if (key == "store_id") opened.store_id = meta.getColumn(1).getString();
  }
  if (opened.store_id.empty()) throw DamagedRow("meta: store_id");

  // Deliveries get their numbers in the order of commit, so the last one is found at the end of one
  // of the two tables, or was noted when that row went.
  opened.delivery = ReadMeta(database, kGivenDelivery);
  opened.received_us = ReadMeta(database, kGivenReceived);
  SQLite::Statement change(database,
                           "SELECT revision, delivery, received_us, committed_us FROM change"
                           " ORDER BY revision DESC LIMIT 1");
  if (change.executeStep()) {
    opened.revision = change.getColumn(0).getInt64();
    opened.delivery = std::max(opened.delivery, change.getColumn(1).getInt64());
    opened.received_us = std::max(opened.received_us, change.getColumn(2).getInt64());
    opened.committed_us = change.getColumn(3).getInt64();
  }
  SQLite::Statement delivery(
      database, "SELECT number, received_us FROM delivery ORDER BY number DESC LIMIT 1");
  if (delivery.executeStep()) {
    opened.delivery = std::max(opened.delivery, delivery.getColumn(0).getInt64());
    opened.received_us = std::max(opened.received_us, delivery.getColumn(1).getInt64());
  }
  return opened;
}

int64_t ReadMeta(SQLite::Database& database, const std::string& key) {
  SQLite::Statement select(database, "SELECT value FROM meta WHERE key = ?");
  select.bind(1, key);
  if (!select.executeStep()) throw DamagedRow("meta: " + key);
  return select.getColumn(0).getInt64();
}

Watermark ReadWatermark(SQLite::Database& database) {
  return {ReadMeta(database, kAppliedRevision), ReadMeta(database, kAppliedDelivery)};
}

void LoadScopes(SQLite::Database& database, Scopes& scopes) {
  SQLite::Statement select(database, "SELECT scope, model, connector_id, owner_id FROM scope");
  while (select.executeStep()) {
    scopes.Add({select.getColumn(0).getInt64(), select.getColumn(1).getString(),
                select.getColumn(2).getString(), select.getColumn(3).getString()});
  }
}

}  // namespace tributary::sqlite
