// A file of the first version of the format is brought forward and loses nothing.

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/fingerprints.h"
#include "server/store/sqlite/rows.h"
#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

// As released with version 1.
constexpr char kSchemaOne[] = R"sql(
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE scope (
  scope        INTEGER PRIMARY KEY,
  model        TEXT NOT NULL,
  connector_id TEXT NOT NULL,
  owner_id     TEXT NOT NULL,
  UNIQUE (model, connector_id, owner_id)
) STRICT;

-- raw comes last, so that reading the rest of a row never touches its pages.
CREATE TABLE change (
  revision        INTEGER PRIMARY KEY,
  prev            INTEGER NOT NULL,
  scope           INTEGER NOT NULL,
  id              BLOB NOT NULL,
  kind            INTEGER NOT NULL,
  version_time    INTEGER NOT NULL,
  version_rank    INTEGER NOT NULL,
  delivery        INTEGER NOT NULL,
  received_us     INTEGER NOT NULL,
  committed_us    INTEGER NOT NULL,
  note            INTEGER NOT NULL,
  crc             INTEGER NOT NULL,
  raw_crc         INTEGER NOT NULL,
  idempotency_key BLOB NOT NULL,
  changed_fields  BLOB NOT NULL,
  state           BLOB NOT NULL,
  raw             BLOB NOT NULL
) STRICT;
CREATE INDEX change_by_scope ON change (scope, revision);

CREATE TABLE resource (
  scope            INTEGER NOT NULL,
  id               BLOB NOT NULL,
  revision         INTEGER NOT NULL,
  version_time     INTEGER NOT NULL,
  version_rank     INTEGER NOT NULL,
  version_delivery INTEGER NOT NULL,
  crc              INTEGER NOT NULL,
  PRIMARY KEY (scope, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
  number          INTEGER PRIMARY KEY,
  received_us     INTEGER NOT NULL,
  connector_id    BLOB NOT NULL,
  owner_id        BLOB NOT NULL,
  event           BLOB NOT NULL,
  resource_id     BLOB NOT NULL,
  idempotency_key BLOB NOT NULL,
  verdict         INTEGER NOT NULL,
  revision        INTEGER NOT NULL,
  version_time    INTEGER NOT NULL,
  version_rank    INTEGER NOT NULL,
  problem         BLOB NOT NULL,
  note            INTEGER NOT NULL,
  crc             INTEGER NOT NULL
) STRICT;

CREATE TABLE body (
  delivery INTEGER PRIMARY KEY,
  crc      INTEGER NOT NULL,
  body     BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
  delivery    INTEGER PRIMARY KEY,
  identity    INTEGER NOT NULL,
  received_us INTEGER NOT NULL,
  revision    INTEGER NOT NULL,
  content     BLOB NOT NULL
) STRICT;
CREATE INDEX idempotency_by_identity ON idempotency (identity);

INSERT INTO meta (key, value) VALUES ('history_floor', 0), ('tombstone_floor', 0);
)sql";

constexpr int64_t kReceived = kStart;

class SqliteMigration : public SqliteStoreTest {
 protected:
  SqliteMigration() {
    SQLite::Database database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    database.exec(kSchemaOne);
    database.exec(
        "INSERT INTO meta VALUES ('store_id', '0123456789abcdef0123456789abcdef');"
        "INSERT INTO scope VALUES (1, 'deal', 'hubspot', 'acme');"
        "PRAGMA application_id = 1414678850; PRAGMA user_version = 1");
    Insert(database, 1, 0, "a", "one");
    Insert(database, 2, 0, "b", "two");
    Insert(database, 3, 1, "a", "three");
    InsertParked(database, 4, "{parked}");
  }

  static void InsertParked(SQLite::Database& database, int64_t number, const std::string& body) {
    const int64_t crc = sqlite::RowChecksum()
                            .Add(number)
                            .Add(kReceived + number)
                            .Add("hubspot")
                            .Add("acme")
                            .Add("deal::moved")
                            .Add("p")
                            .Add("k4")
                            .Add(int64_t{5})
                            .Add(int64_t{0})
                            .Add(int64_t{0})
                            .Add(int64_t{0})
                            .Add("why")
                            .Add(int64_t{0})
                            .value();
    database.exec(
        absl::StrCat("INSERT INTO delivery VALUES (", number, ",", kReceived + number,
                     ", CAST('hubspot' AS BLOB), CAST('acme' AS BLOB), CAST('deal::moved' AS BLOB),"
                     " CAST('p' AS BLOB), CAST('k4' AS BLOB), 5, 0, 0, 0, CAST('why' AS BLOB), 0, ",
                     crc, ")"));
    database.exec(absl::StrCat("INSERT INTO body VALUES (", number, ", ",
                               sqlite::RowChecksum().Add(number).Add(body).value(), ", CAST('",
                               body, "' AS BLOB))"));
  }

  // A change and what version 1 kept beside it.
  static void Insert(SQLite::Database& database, Revision revision, Revision prev,
                     const std::string& id, const std::string& state) {
    const Key key = KeyOf(id);
    const std::string idempotency_key = absl::StrCat("k", revision);
    const int64_t kind = prev == 0 ? 2 : 3;
    const int64_t time_us = kStart + revision;
    const int64_t crc = sqlite::RowChecksum()
                            .Add(revision)
                            .Add(prev)
                            .Add(key)
                            .Add(kind)
                            .Add(time_us)
                            .Add(int64_t{3})
                            .Add(revision)
                            .Add(kReceived + revision)
                            .Add(kReceived)
                            .Add(int64_t{0})
                            .Add(idempotency_key)
                            .Add("")
                            .Add(state)
                            .value();
    SQLite::Statement change(database,
                             "INSERT INTO change VALUES (?,?,1,?,?,?,3,?,?,?,0,?,?,?,x'',?,x'')");
    change.bind(1, revision);
    change.bind(2, prev);
    change.bind(3, id.data(), static_cast<int>(id.size()));
    change.bind(4, kind);
    change.bind(5, time_us);
    change.bind(6, revision);
    change.bind(7, kReceived + revision);
    change.bind(8, kReceived);
    change.bind(9, crc);
    change.bind(10, sqlite::RowChecksum().Add(revision).Add("").value());
    change.bind(11, idempotency_key.data(), static_cast<int>(idempotency_key.size()));
    change.bind(12, state.data(), static_cast<int>(state.size()));
    change.exec();

    SQLite::Statement put(database, sqlite::kPutPointer);
    sqlite::PutPointer(put, key, 1, {revision, {time_us, Rank::kUpdated, revision}});

    const Delivery delivery = Updated(id).At(revision).State(state).WithKey(idempotency_key);
    const auto fingerprint = sqlite::Fingerprint::Of(delivery);
    const std::string encoded = fingerprint.Encode();
    SQLite::Statement remember(database, "INSERT INTO idempotency VALUES (?,?,?,?,?)");
    remember.bind(1, revision);
    remember.bind(2, static_cast<int64_t>(fingerprint.identity));
    remember.bind(3, kReceived + revision);
    remember.bind(4, revision);
    remember.bind(5, encoded.data() + 8, 16);
    remember.exec();
  }
};

TEST_F(SqliteMigration, KeepsStatesHistoryAndTheMemoryOfDuplicates) {
  for (int life = 0; life < 2; ++life) {
    Open();
    EXPECT_EQ(store_->id(), "0123456789abcdef0123456789abcdef");
    EXPECT_EQ(store_->GetHead()->revision, 3);
    EXPECT_EQ(StateOf("a"), "three");
    EXPECT_EQ(StateOf("b"), "two");
    const auto past = store_->List({.selection = {}, .after = {}, .revision = 2});
    TRIBUTARY_ASSERT_OK(past);
    ASSERT_EQ(past->records.size(), 2u);
    EXPECT_EQ(past->records[0].state, "one");
    ChangeQuery scope;
    scope.selection = {{"deal"}, "hubspot", "acme"};
    EXPECT_EQ(store_->Changes(scope)->changes.size(), 3u);
  }
  const auto outcomes = Commit({Updated("a").At(3).State("three").WithKey("k3"),
                                Updated("a").At(2).State("late").WithKey("late"),
                                Updated("c").At(9).State("new").WithKey("new")})
                            .outcomes;
  EXPECT_EQ(outcomes[0].verdict, Verdict::kDuplicate);
  EXPECT_EQ(outcomes[0].revision, 3);
  EXPECT_EQ(outcomes[1].verdict, Verdict::kSuperseded);
  EXPECT_EQ(outcomes[2].verdict, Verdict::kApplied);
  EXPECT_EQ(outcomes[2].delivery, 7);
  const auto page = store_->ListDeliveries({});
  TRIBUTARY_ASSERT_OK(page);
  EXPECT_EQ(page->deliveries.size(), 7u);
  const auto parked = store_->GetDelivery(4);
  TRIBUTARY_ASSERT_OK(parked);
  EXPECT_EQ((*parked)->body, "{parked}");
  EXPECT_EQ((*parked)->problem, "why");
  Close();
  EXPECT_EQ(Ask("PRAGMA user_version"), "6");
  EXPECT_EQ(Ask("SELECT value FROM meta WHERE key = 'parked_deliveries'"), "1");
  EXPECT_EQ(Ask("SELECT value FROM meta WHERE key = 'rejected_deliveries'"), "0");
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace tributary::testing
