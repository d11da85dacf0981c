#include "server/store/sqlite/connection.h"

#include <sqlite3.h>

#include <exception>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/strings.h"
#include "server/store/sqlite/timed_vfs.h"

namespace tributary::sqlite {
namespace {

// Nobody but this process has the file open, so a lock is held for moments only.
constexpr int kBusyTimeoutMs = 10'000;

// What a burst may leave of the write-ahead log once it starts over.
constexpr int64_t kJournalBytesMax = 64 * 1024 * 1024;

std::unique_ptr<SQLite::Database> Open(const std::string& path, int flags, size_t cache_bytes) {
  // No connection is ever used by two threads at once.
  auto database = std::make_unique<SQLite::Database>(path, flags | SQLite::OPEN_NOMUTEX,
                                                     kBusyTimeoutMs, TimedVfs());
  database->exec(absl::StrCat("PRAGMA cache_size = -", cache_bytes / 1024));
  database->exec("PRAGMA temp_store = MEMORY");
  // Not mapped: what lies in key order is read as fast with system calls, the first touch of each
  // page costs as much, and an I/O error would be a signal that ends the process (ADR 11).
  database->exec("PRAGMA mmap_size = 0");
  return database;
}

// What can be done about damage, briefly: docs/guarantees.md says more.
constexpr char kWhatToDo[] =
    "; a row is replaced by the next webhook for its resource, the rest by restoring a backup";

std::string_view Cause(int code) {
  switch (code) {
    case SQLITE_FULL:
      return "the disk is full";
    case SQLITE_IOERR:
      return "the disk reports an error";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "the file may not be written";
    case SQLITE_CANTOPEN:
      return "the file can't be opened";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "the file is locked";
    case SQLITE_NOMEM:
      return "out of memory";
    default:
      return "the database engine refuses";
  }
}

absl::Status Damaged() {
  return MakeError(absl::StatusCode::kDataLoss, "stored data is damaged",
                   reason::kStoredDataCorrupt);
}

}  // namespace

void ConfigureSqlite() { (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

std::unique_ptr<SQLite::Database> OpenForWriting(const std::string& path, size_t cache_bytes) {
  auto database = Open(path, SQLite::OPEN_READWRITE, cache_bytes);
  database->exec("PRAGMA synchronous = FULL");
  database->exec("PRAGMA secure_delete = OFF");
  database->exec("PRAGMA wal_autocheckpoint = 0");
  database->exec(absl::StrCat("PRAGMA journal_size_limit = ", kJournalBytesMax));
  return database;
}

std::unique_ptr<SQLite::Database> OpenForReading(const std::string& path, size_t cache_bytes) {
  auto database = Open(path, SQLite::OPEN_READONLY, cache_bytes);
  database->exec("PRAGMA query_only = ON");
  return database;
}

void ForgetPages(SQLite::Database& database) { sqlite3_db_release_memory(database.getHandle()); }

absl::Status CurrentExceptionToStatus(std::string_view doing) {
  try {
    throw;
  } catch (const DamagedRow& damage) {
    LogError(absl::StrCat("store: damaged data is not served: ", damage.what(), kWhatToDo));
    return Damaged();
  } catch (const SQLite::Exception& error) {
    const int code = error.getErrorCode() & 0xFF;
    const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    LogError(absl::StrCat("store: can't be ", Absl(doing), ": ", error.getErrorStr(), " (",
                          error.getExtendedErrorCode(), ")", damaged ? kWhatToDo : ""));
    if (damaged) return Damaged();
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat("the store can't be ", Absl(doing), ": ", Absl(Cause(code))),
                     reason::kStoreUnavailable);
  } catch (const std::exception& error) {
    LogError(absl::StrCat("store: can't be ", Absl(doing), ": ", error.what()));
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat("the store can't be ", Absl(doing)), reason::kStoreUnavailable);
  }
}

}  // namespace tributary::sqlite
