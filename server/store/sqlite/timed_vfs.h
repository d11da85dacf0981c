#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include "server/store/sqlite/sqlite_store.h"

namespace tributary::sqlite {

// Names the VFS that passes everything to the system's own and times what is made durable. For
// SQLite::Database(); it is made by the first call and stays.
const char* TimedVfs();

// From now on each fsync that `database`, opened with TimedVfs(), asks for is observed by
// `metrics`, which must outlive it.
void TimeFsyncs(SQLite::Database& database, SqliteMetrics& metrics);

}  // namespace tributary::sqlite
