// How many events per second SQLite makes durable if it only appends them to one table, 64 per
// transaction: the limit of any store that keeps everything in SQLite.
//
//   log_only FOLDER SECONDS

#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "bench/load/report.h"

namespace {

constexpr int kBatch = 64;
constexpr int kStateBytes = 600;  // what 1 KB of JSON is once it is Protobuf

struct Closer {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

Statement Prepare(sqlite3& database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(&database, sql, -1, &statement, nullptr);
  return Statement(statement);
}

bool Run(sqlite3_stmt& statement) {
  const bool done = sqlite3_step(&statement) == SQLITE_DONE;
  sqlite3_reset(&statement);
  return done;
}

bool AppendBatch(sqlite3_stmt& insert, const std::string& state) {
  for (int i = 0; i < kBatch; ++i) {
    const std::string id = std::to_string(std::rand() % 1'000'000);
    sqlite3_bind_text(&insert, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
    sqlite3_bind_blob(&insert, 2, state.data(), 16, SQLITE_STATIC);
    sqlite3_bind_blob(&insert, 3, state.data(), kStateBytes, SQLITE_STATIC);
    if (!Run(insert)) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: log_only FOLDER SECONDS\n");
    return 2;
  }
  const std::string path = std::string(argv[1]) + "/log_only.db";
  sqlite3* opened = nullptr;
  sqlite3_open(path.c_str(), &opened);
  const std::unique_ptr<sqlite3, Closer> database(opened);
  sqlite3_exec(opened,
               "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;"
               "CREATE TABLE log (revision INTEGER PRIMARY KEY, scope INTEGER, id TEXT, key BLOB, "
               "state BLOB)",
               nullptr, nullptr, nullptr);
  const Statement begin_statement = Prepare(*opened, "BEGIN IMMEDIATE");
  const Statement insert =
      Prepare(*opened, "INSERT INTO log (scope, id, key, state) VALUES (1, ?, ?, ?)");
  const Statement commit = Prepare(*opened, "COMMIT");
  const std::string state(kStateBytes, 'x');

  bench::Latencies commits;
  const auto begin = bench::Clock::now();
  const auto end = begin + std::chrono::duration<double>(std::atof(argv[2]));
  while (bench::Clock::now() < end) {
    const bool appended = Run(*begin_statement) && AppendBatch(*insert, state);
    const auto committing = bench::Clock::now();
    if (!appended || !Run(*commit)) {
      std::fprintf(stderr, "%s: %s\n", path.c_str(), sqlite3_errmsg(opened));
      return 1;
    }
    commits.Add(bench::Clock::now() - committing);
  }
  const std::chrono::duration<double> took = bench::Clock::now() - begin;
  bench::Figures figures = {
      {"per_second", static_cast<double>(commits.count()) * kBatch / took.count()}};
  commits.AppendTo(figures);
  bench::Print(figures);
}
