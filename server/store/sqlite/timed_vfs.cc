#include "server/store/sqlite/timed_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <new>

#include "server/base/log.h"

namespace tributary::sqlite {
namespace {

// The file control by which a database file learns who watches it. SQLite leaves all above 100 to
// a VFS; ours spells "trib".
constexpr int kWatch = 0x74726962;

constexpr int kMethodsVersion = 3;  // of sqlite3_io_methods that this file knows

constexpr int kPageBytesMin = 512;

// Lies behind the system's own file in the memory that SQLite gives to both. SQLite reaches a file
// only through its table of methods, so a table of our own with three entries replaced is all it
// takes: the others get the very file that they know.
struct Timed {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* system;
  Fsyncs* fsyncs;               // of a database file; null: nobody watches
  sqlite3_file* database_file;  // that a write-ahead log belongs to; null: not a log
};

struct Vfs {
  sqlite3_vfs vfs;
  sqlite3_vfs* system;
  int timed_at;  // where Timed begins in a file
};

Vfs& TheVfs();

Timed& TimedOf(sqlite3_file* file) {
  return *std::launder(reinterpret_cast<Timed*>(reinterpret_cast<char*>(file) + TheVfs().timed_at));
}

int Sync(sqlite3_file* file, int flags) {
  const Timed& timed = TimedOf(file);
  const Stopwatch stopwatch;
  const int code = timed.system->xSync(file, flags);
  const bool log = timed.database_file != nullptr;
  Fsyncs* fsyncs = log ? TimedOf(timed.database_file).fsyncs : timed.fsyncs;
  return fsyncs == nullptr ? code : fsyncs->Ended(log, stopwatch.elapsed(), code);
}

// SQLite fills up with zeros what a read of a page lacks, and may then find a page with fewer rows.
int ReadDatabase(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  const Timed& timed = TimedOf(file);
  const int code = timed.system->xRead(file, bytes, size, offset);
  if (code != SQLITE_IOERR_SHORT_READ || size < kPageBytesMin) return code;
  sqlite3_int64 end = 0;
  const bool begins_in_file = timed.system->xFileSize(file, &end) == SQLITE_OK && offset < end;
  return begins_in_file ? SQLITE_CORRUPT : code;
}

int FileControl(sqlite3_file* file, int operation, void* argument) {
  Timed& timed = TimedOf(file);
  if (operation != kWatch) return timed.system->xFileControl(file, operation, argument);
  timed.fsyncs = static_cast<Fsyncs*>(argument);
  return SQLITE_OK;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  sqlite3_vfs* system = TheVfs().system;
  const int code = system->xOpen(system, name, file, flags, flags_out);
  if (file->pMethods == nullptr) return code;  // then SQLite closes nothing
  auto* timed = new (reinterpret_cast<char*>(file) + TheVfs().timed_at) Timed{};
  timed->system = file->pMethods;
  timed->methods = *timed->system;
  timed->methods.iVersion = std::min(timed->methods.iVersion, kMethodsVersion);
  timed->methods.xSync = Sync;
  timed->methods.xFileControl = FileControl;
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) timed->methods.xRead = ReadDatabase;
  if ((flags & SQLITE_OPEN_WAL) != 0) timed->database_file = sqlite3_database_file_object(name);
  file->pMethods = &timed->methods;
  return code;
}

Vfs& TheVfs() {
  static Vfs the = [] {
    sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
    constexpr int kAlign = alignof(Timed);
    const int timed_at = (system->szOsFile + kAlign - 1) / kAlign * kAlign;
    Vfs made{*system, system, timed_at};
    made.vfs.pNext = nullptr;
    made.vfs.zName = "tributary-timed";
    made.vfs.szOsFile = timed_at + static_cast<int>(sizeof(Timed));
    made.vfs.xOpen = Open;
    return made;
  }();
  return the;
}

}  // namespace

int Fsyncs::Ended(bool log, std::chrono::nanoseconds took, int code) {
  (log ? metrics_.log_fsync : metrics_.database_fsync).Observe(took);
  if (code != SQLITE_OK) {
    metrics_.failed_fsyncs.Add();
    if (!failed_.exchange(true)) {
      LogError(log ? "store: an fsync of the log failed"
                   : "store: an fsync of the database failed");
      on_failure_();
    }
    return code;
  }
  // Also one that began before the failure: what it was to write may be what was given up.
  return failed_.load() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

const char* TimedVfs() {
  static const int registered = sqlite3_vfs_register(&TheVfs().vfs, /*makeDflt=*/0);
  return registered == SQLITE_OK ? TheVfs().vfs.zName : nullptr;
}

void WatchFsyncs(SQLite::Database& database, Fsyncs& fsyncs) {
  sqlite3_file_control(database.getHandle(), "main", kWatch, &fsyncs);
}

}  // namespace tributary::sqlite
