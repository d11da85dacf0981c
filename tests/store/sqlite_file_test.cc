// Which files a store opens, and what it leaves alone.

#include <sqlite3.h>

#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using SqliteFile = SqliteStoreTest;

constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

TEST_F(SqliteFile, IsMarkedAsOursFromTheFirstTable) {
  Open();
  Close();
  EXPECT_EQ(Ask("PRAGMA application_id"), std::to_string(0x54524942));
  EXPECT_EQ(Ask("PRAGMA user_version"), "6");
  EXPECT_EQ(Ask("PRAGMA auto_vacuum"), "2");
  EXPECT_EQ(Ask("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteFile, AnEmptyFileBecomesAStore) {
  std::ofstream(path_).close();
  Open();
  Commit({Updated("a").State("x")});
  EXPECT_EQ(StateOf("a"), "x");
}

TEST_F(SqliteFile, ThatIsNoDatabaseIsRefusedUnharmed) {
  for (const std::string& content :
       {std::string("x"), std::string("SQLite format 3\0", 16), std::string(5000, 'y')}) {
    std::ofstream(path_, std::ios::binary) << content;
    EXPECT_THAT(TryOpen(), StatusIs(kFailedPrecondition,
                                    AllOf(HasSubstr(path_), HasSubstr("not a Tributary store"))));
    EXPECT_EQ(Content(path_), content);
    EXPECT_THAT(FilesInFolder(), ElementsAre("store.db"));
  }
}

TEST_F(SqliteFile, OfAnotherProgramIsRefusedUnharmed) {
  for (const char* made : {"CREATE TABLE change (x); INSERT INTO change VALUES (1)",
                           "PRAGMA journal_mode = WAL; CREATE TABLE t (x)",
                           "PRAGMA application_id = 7; CREATE TABLE t (x)"}) {
    std::filesystem::remove(path_);
    Sql(made);
    const std::string before = Content(path_);
    EXPECT_THAT(TryOpen(), StatusIs(kFailedPrecondition, HasSubstr("another program's")));
    EXPECT_EQ(Content(path_), before);
    EXPECT_THAT(FilesInFolder(), ElementsAre("store.db"));
  }
}

TEST_F(SqliteFile, OfANewerVersionIsRefusedUnharmed) {
  Open();
  Commit({Updated("a").State("x")});
  Close();
  Sql("PRAGMA user_version = 7");
  const std::string before = Content(path_);
  EXPECT_THAT(TryOpen(), StatusIs(kFailedPrecondition, HasSubstr("newer version")));
  EXPECT_EQ(Content(path_), before);
}

TEST_F(SqliteFile, WhoseNewerVersionIsStillInTheLogIsRefusedUnharmed) {
  Open();
  Commit({Updated("a").State("x")});
  Close();
  {
    SQLite::Database newer(path_, SQLite::OPEN_READWRITE);
    sqlite3_db_config(newer.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    newer.exec("PRAGMA user_version = 7");
  }
  const std::string before = Content(path_);
  const std::string log_before = Content(path_ + "-wal");
  ASSERT_FALSE(log_before.empty());
  EXPECT_THAT(TryOpen(), StatusIs(kFailedPrecondition, HasSubstr("newer version")));
  EXPECT_EQ(Content(path_), before);
  EXPECT_EQ(Content(path_ + "-wal"), log_before);
}

TEST_F(SqliteFile, IsOpenOnceAtATimeByWhateverName) {
  Open();
  EXPECT_THAT(TryOpen(), StatusIs(kFailedPrecondition, HasSubstr("is open in another process")));
  std::filesystem::create_symlink(path_, dir_.File("other.db"));
  EXPECT_THAT(TryOpen(dir_.File("other.db")),
              StatusIs(kFailedPrecondition, HasSubstr("is open in another process")));
  Close();
  TRIBUTARY_EXPECT_OK(TryOpen());
  TRIBUTARY_EXPECT_OK(TryOpen(dir_.File("other.db")));
}

TEST_F(SqliteFile, ThatCannotBeMadeIsUnavailableAndNamed) {
  const std::string nowhere = dir_.File("no/such/folder/store.db");
  EXPECT_THAT(TryOpen(nowhere), AllOf(StatusIs(kUnavailable, HasSubstr(nowhere)),
                                      HasReason(reason::kStoreUnavailable)));
  EXPECT_THAT(TryOpen(""), StatusIs(kUnavailable));
  EXPECT_THAT(TryOpen(dir_.path()), StatusIs(kUnavailable, HasSubstr(dir_.path())));
}

TEST_F(SqliteFile, WhoseTablesAreDamagedIsRefusedWithoutSql) {
  Open();
  Commit({Updated("a").State("x")});
  Close();
  Sql("DROP TABLE change");
  EXPECT_THAT(TryOpen(), AllOf(Not(IsOk()), StatusIs(kUnavailable, Not(HasSubstr("SELECT")))));
}

}  // namespace
}  // namespace tributary::testing
