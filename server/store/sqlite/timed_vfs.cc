#include "server/store/sqlite/timed_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <new>

namespace tributary::sqlite {
namespace {

// The file control by which a database file learns who observes it. SQLite leaves all above 100 to
// a VFS; ours spells "trib".
constexpr int kObserve = 0x74726962;

constexpr int kMethodsVersion = 3;  // of sqlite3_io_methods that this file knows

// Lies behind the system's own file in the memory that SQLite gives to both. SQLite reaches a file
// only through its table of methods, so a table of our own with two entries replaced is all it
// takes: the others get the very file that they know.
struct Timed {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* system;
  SqliteMetrics* metrics;       // of a database file; null: not observed
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
  SqliteMetrics* metrics = log ? TimedOf(timed.database_file).metrics : timed.metrics;
  if (metrics != nullptr) {
    (log ? metrics->log_fsync : metrics->database_fsync).Observe(stopwatch.elapsed());
  }
  return code;
}

int FileControl(sqlite3_file* file, int operation, void* argument) {
  Timed& timed = TimedOf(file);
  if (operation != kObserve) return timed.system->xFileControl(file, operation, argument);
  timed.metrics = static_cast<SqliteMetrics*>(argument);
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

const char* TimedVfs() {
  static const int registered = sqlite3_vfs_register(&TheVfs().vfs, /*makeDflt=*/0);
  return registered == SQLITE_OK ? TheVfs().vfs.zName : nullptr;
}

void TimeFsyncs(SQLite::Database& database, SqliteMetrics& metrics) {
  sqlite3_file_control(database.getHandle(), "main", kObserve, &metrics);
}

}  // namespace tributary::sqlite
