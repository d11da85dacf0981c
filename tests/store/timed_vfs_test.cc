#include "server/store/sqlite/timed_vfs.h"

#include <sqlite3.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

using TimedVfsTest = SqliteStoreTest;

uint64_t CountOf(const Histogram& histogram) {
  uint64_t count = 0;
  for (size_t i = 0; i <= histogram.scale().bounds.size(); ++i) count += histogram.InBucket(i);
  return count;
}

std::vector<Delivery> Nth(int i) {
  return {Updated(absl::StrCat("id", i)).At(i).State("x").WithKey(absl::StrCat("k", i))};
}

TEST_F(TimedVfsTest, EveryCommitWaitsForOneFsyncOfTheLog) {
  Open();
  Commit(Nth(0));
  const Histogram& fsync = options_.metrics->log_fsync;
  for (int i = 1; i <= 10; ++i) {
    const uint64_t before = CountOf(fsync);
    Commit(Nth(i));
    EXPECT_EQ(CountOf(fsync), before + 1);
  }
  EXPECT_GT(fsync.sum(), 0u);
}

TEST_F(TimedVfsTest, StoresInOneProcessAreTimedApart) {
  Open();
  const auto first = options_.metrics;
  const uint64_t before = CountOf(first->log_fsync);
  options_.metrics = std::make_shared<SqliteMetrics>();
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(auto other, TryOpen(dir_.File("other.db")));
  TRIBUTARY_EXPECT_OK(other->Commit(Nth(0)));
  EXPECT_GT(CountOf(options_.metrics->log_fsync), 0u);
  EXPECT_EQ(CountOf(first->log_fsync), before);
}

TEST_F(TimedVfsTest, ACheckpointIsAnFsyncOfTheDatabase) {
  SqliteMetrics metrics;
  sqlite::Fsyncs fsyncs(metrics);
  {
    SQLite::Database database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0,
                              sqlite::TimedVfs());
    sqlite::WatchFsyncs(database, fsyncs);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (n)");
    database.exec("INSERT INTO t VALUES (7)");
    const uint64_t before = CountOf(metrics.database_fsync);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    EXPECT_EQ(CountOf(metrics.database_fsync), before + 1);
  }
  EXPECT_EQ(Ask("SELECT n FROM t"), "7") << "and it is the same file to everybody else";
}

TEST(Fsyncs, CountNoMoreAfterOneThatFailed) {
  SqliteMetrics metrics;
  int failures = 0;
  sqlite::Fsyncs fsyncs(metrics, [&] { ++failures; });
  constexpr std::chrono::milliseconds kTook{1};
  EXPECT_EQ(fsyncs.Ended(true, kTook, SQLITE_OK), SQLITE_OK);
  EXPECT_FALSE(fsyncs.failed());
  EXPECT_EQ(fsyncs.Ended(false, kTook, SQLITE_IOERR), SQLITE_IOERR);
  EXPECT_TRUE(fsyncs.failed());
  EXPECT_NE(fsyncs.Ended(true, kTook, SQLITE_OK), SQLITE_OK);
  EXPECT_NE(fsyncs.Ended(false, kTook, SQLITE_OK), SQLITE_OK);
  EXPECT_EQ(fsyncs.Ended(true, kTook, SQLITE_IOERR), SQLITE_IOERR);
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(metrics.failed_fsyncs.value(), 2u);
  EXPECT_EQ(CountOf(metrics.log_fsync), 3u);
}

TEST_F(TimedVfsTest, AFileThatCannotBeOpenedIsRefusedAsEver) {
  EXPECT_THROW(
      SQLite::Database(dir_.File("absent.db"), SQLite::OPEN_READONLY, 0, sqlite::TimedVfs())
          .exec("SELECT 1"),
      SQLite::Exception);
}

}  // namespace
}  // namespace tributary::testing
