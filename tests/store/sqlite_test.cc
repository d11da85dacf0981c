// The SQLite engine: it passes the conformance suite, finds damage, and keeps its tables tidy.

#include "absl/strings/str_cat.h"
#include "tests/store/conformance.h"
#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SqliteEngine final : public Engine {
 public:
  explicit SqliteEngine(size_t late_changes_max) : late_changes_max_(late_changes_max) {}

  absl::StatusOr<std::unique_ptr<Store>> Open(const EngineOptions& options,
                                              const Clock& clock) override {
    SqliteOptions sqlite;
    sqlite.path = dir_.File("store.db");
    sqlite.idempotency_window_us = options.idempotency_window_us;
    sqlite.ledger_retention_us = options.ledger_retention_us;
    sqlite.ledger_bodies = options.ledger_bodies;
    sqlite.ledger_bytes_max = options.ledger_bytes_max;
    sqlite.changed_fields = options.changed_fields;
    sqlite.late_changes_max = late_changes_max_;
    return OpenSqliteStore(std::move(sqlite), clock);
  }

 private:
  const size_t late_changes_max_;
  TempDir dir_;
};

// The promises hold wherever a change is just now: in memory, on its way into the tables, or there.
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance,
                         ::testing::Values([]() -> std::unique_ptr<Engine> {
                           return std::make_unique<SqliteEngine>(SqliteOptions().late_changes_max);
                         }));
INSTANTIATE_TEST_SUITE_P(SqliteThatGathersLittle, StoreConformance,
                         ::testing::Values([]() -> std::unique_ptr<Engine> {
                           return std::make_unique<SqliteEngine>(2);
                         }));

// --- Damage
// --------------------------------------------------------------------------------------------

class SqliteDamage : public SqliteStoreTest {
 protected:
  SqliteDamage() {
    Open();
    Commit({Updated("a").At(1).State("x").Raw("rx"), Updated("b").At(1).State("y").Raw("ry"),
            Updated("a").At(2).State("x2").Raw("rx2")});
    Close();
  }

  static auto IsDamage() {
    return AllOf(StatusIs(absl::StatusCode::kDataLoss), HasReason(reason::kStoredDataCorrupt));
  }
};

TEST_F(SqliteDamage, OfAnyColumnOfAChangeIsFoundWhenItIsRead) {
  const std::pair<const char*, const char*> columns[] = {
      {"state", "x'7879'"},  {"changed_fields", "x'79'"},
      {"id", "x'62'"},       {"prev", "0"},
      {"kind", "2"},         {"version_time", "1"},
      {"version_rank", "4"}, {"delivery", "9"},
      {"received_us", "1"},  {"committed_us", "1"},
      {"note", "7"},         {"idempotency_key", "x'79'"},
      {"scope", "2"},        {"crc", "1"}};
  for (const auto& [column, value] : columns) {
    SCOPED_TRACE(column);
    const std::string saved = Content(path_);
    Sql(absl::StrCat("UPDATE change SET ", column, " = ", value, " WHERE revision = 3"));
    Open();
    EXPECT_THAT(store_->Get(KeyOf("a"), false), IsDamage());
    EXPECT_THAT(store_->List({}), IsDamage());
    BatchQuery query;
    query.scope = KeyOf("");
    query.ids = {"a"};
    EXPECT_THAT(store_->BatchGet(query), IsDamage());
    if (std::string_view(column) != "scope") {
      EXPECT_THAT(store_->Changes({}), IsDamage());
    }
    EXPECT_EQ(StateOf("b"), "y");
    Close();
    std::ofstream(path_, std::ios::binary) << saved;
  }
}

TEST_F(SqliteDamage, OfTheRawResourceIsFoundWhereItIsRead) {
  Sql("UPDATE change SET raw = x'00' WHERE revision = 3");
  Open();
  EXPECT_EQ(StateOf("a"), "x2");
  EXPECT_THAT(store_->Get(KeyOf("a"), true), IsDamage());
}

TEST_F(SqliteDamage, OfAPointerIsFound) {
  const std::string saved = Content(path_);
  // Each would otherwise show an older state, another resource or nothing.
  for (const char* damage : {"revision = 1", "revision = 2", "revision = 99", "version_time = 0",
                             "version_delivery = 1"}) {
    SCOPED_TRACE(damage);
    Sql(absl::StrCat("UPDATE resource SET ", damage, " WHERE id = x'61'"));
    Open();
    EXPECT_THAT(store_->Get(KeyOf("a"), false), IsDamage());
    EXPECT_EQ(StateOf("b"), "y");
    Close();
    std::ofstream(path_, std::ios::binary) << saved;
  }
}

TEST_F(SqliteDamage, OfALostRowIsFound) {
  Sql("DELETE FROM change WHERE revision = 3");
  Open();
  EXPECT_THAT(store_->Get(KeyOf("a"), false), IsDamage());
}

TEST_F(SqliteDamage, OfALostRowIsFoundByWhoReadsTheWholeLog) {
  Open();
  for (int i = 0; i < 10; ++i) {
    Commit({Say(Rank::kUpdated, KeyOf("a", absl::StrCat("owner", i))).At(1).State("x")});
  }
  const Revision head = store_->GetHead()->revision;
  EXPECT_THAT(store_->Changes({})->changes, SizeIs(head));
  Close();
  for (const Revision lost : {Revision{1}, head / 2, head - 1}) {
    SCOPED_TRACE(lost);
    const std::string saved = Content(path_);
    Sql(absl::StrCat("DELETE FROM change WHERE revision = ", lost));
    Open();
    EXPECT_THAT(store_->Changes({}), IsDamage());
    ChangeQuery before;
    before.through = lost;
    EXPECT_THAT(store_->Changes(before), IsDamage());
    ChangeQuery behind;
    behind.after = lost;
    EXPECT_THAT(store_->Changes(behind)->changes, SizeIs(head - lost));
    Close();
    std::ofstream(path_, std::ios::binary) << saved;
  }
}

TEST_F(SqliteDamage, IsRepairedByTheNextState) {
  Sql("UPDATE change SET state = x'00' WHERE revision = 3");
  Open();
  const Committed committed = Commit({Updated("a").At(3).State("x3")});
  ASSERT_THAT(committed.changes, SizeIs(1));
  EXPECT_EQ(committed.changes[0]->kind, ChangeKind::kUpdated);
  EXPECT_EQ(StateOf("a"), "x3");
}

// --- The ledger and the memory of duplicates
// -----------------------------------------------------------

using SqliteLedger = SqliteStoreTest;

TEST_F(SqliteLedger, HasARowForEachDeliveryOfWhichTheLogDoesNotTellEverything) {
  Open();
  Delivery superseded = Updated("a").At(1).State("old").WithKey("s");
  superseded.body_if_superseded = "superseded body";
  Delivery applied = Updated("a").At(9).State("z").WithKey("w");
  applied.body = "warned about";
  applied.body_if_superseded = "not this";
  Delivery rejected = Updated("a").State("rejected body").Rejected().WithKey("r");
  rejected.problem = "why";
  Commit({Updated("a").At(5).State("x").WithKey("k"), superseded,
          Updated("a").At(6).State("y").WithKey("k"), Updated("a").State("parked body").Parked(),
          rejected, applied});
  Close();
  EXPECT_EQ(Ask("SELECT group_concat(number || ':' || verdict || ':' || revision) FROM delivery"),
            "2:4:1,4:5:0,5:6:0,6:1:3");
  EXPECT_EQ(Ask("SELECT group_concat(delivery || ':' || CAST(body AS TEXT)) FROM body"),
            "2:superseded body,4:parked body,5:rejected body,6:warned about");
  EXPECT_EQ(Ask("SELECT CAST(problem AS TEXT) FROM delivery WHERE number = 5"), "why");
  EXPECT_EQ(Ask("SELECT group_concat(delivery || ':' || note) FROM change"), "1:0,3:1,6:0");
}

TEST_F(SqliteLedger, HasNoRowForWhatWasSimplyApplied) {
  Open();
  Commit({Updated("a").At(5).State("x").Body("{}"), Updated("b").At(5).State("y").Body("{}")});
  Close();
  EXPECT_EQ(Ask("SELECT count(*) FROM delivery"), "0");
  EXPECT_EQ(Ask("SELECT count(*) FROM body"), "0");
}

TEST_F(SqliteLedger, CompressesBodiesAndFindsDamageInThem) {
  Open();
  const std::string body(10'000, 'x');
  Commit({Updated("a").Parked().Body(body)});
  EXPECT_EQ((*store_->GetDelivery(1))->body, body);
  Close();
  EXPECT_EQ(Ask("SELECT length(body) < 100 FROM body"), "1");
  Sql("UPDATE body SET body = CAST(body || x'00' AS BLOB)");
  Open();
  EXPECT_THAT(store_->GetDelivery(1), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_TRUE(store_->ListDeliveries({})->deliveries.at(0).has_body);
  Close();
  Sql("UPDATE delivery SET verdict = 1");
  Open();
  EXPECT_THAT(store_->ListDeliveries({}), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SqliteLedger, ForgetsFingerprintsOnceTheirWindowIsOver) {
  options_.idempotency_window_us = 1000;
  options_.late_changes_max = 50;  // fingerprints in a run
  Open();
  for (int i = 0; i < 300; ++i) {
    Commit({Updated("a").At(i).State(absl::StrCat(i)).ArrivedAt(i)});
  }
  EXPECT_EQ(Commit({Updated("a").At(299).State("299").WithKey("again").ArrivedAt(301)})
                .outcomes[0]
                .verdict,
            Verdict::kUnchanged);
  for (int i = 0; i < 100; ++i) {
    Delivery later = Updated("a").At(1000 + i).State(absl::StrCat(i)).ArrivedAt(5000 + i);
    later.idempotency_key.clear();  // so that it leaves no fingerprint
    Commit({later});
  }
  Close();
  EXPECT_EQ(Ask("SELECT count(*) FROM fingerprint_block"), "0");
  EXPECT_EQ(Ask("SELECT count(*) FROM fingerprint_run"), "0");
}

// --- Short reads
// ---------------------------------------------------------------------------------------

using SqliteReads = SqliteStoreTest;

TEST_F(SqliteReads, LookAtABoundedNumberOfRowsAndSayHowFarTheyCame) {
  constexpr int kTombstones = 5000;
  Open();
  std::vector<Delivery> batch;
  for (int i = 0; i < kTombstones; ++i) batch.push_back(Deleted(absl::StrCat(i)).At(1));
  batch.push_back(Updated("zz").State("the last"));
  Commit(batch);

  int calls = 0;
  RecordQuery query;
  for (;;) {
    const auto page = store_->List(query);
    TRIBUTARY_ASSERT_OK(page);
    ++calls;
    if (!page->next.has_value()) {
      ASSERT_THAT(page->records, SizeIs(1));
      break;
    }
    EXPECT_THAT(page->records, IsEmpty());
    query.after = page->next;
  }
  EXPECT_GE(calls, kTombstones / 1024);

  const auto changes = store_->Changes({});
  TRIBUTARY_ASSERT_OK(changes);
  EXPECT_THAT(changes->changes, IsEmpty());
  EXPECT_GT(changes->through, 0);
  EXPECT_LE(changes->through, 1024);
  EXPECT_EQ(changes->head, kTombstones + 1);
}

}  // namespace
}  // namespace tributary::testing
