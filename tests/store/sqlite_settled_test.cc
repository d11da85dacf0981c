// Copies in key order: made while nobody commits, and never against the pointers and the log.

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

using ::testing::SizeIs;

// Waits for the sweep, which begins when nobody commits.
class SqliteSettled : public SqliteStoreTest {
 protected:
  void OpenAndAwaitSweep() {
    std::mutex mutex;
    std::condition_variable changed;
    bool swept = false;
    options_.fault_point = [&](const char* step) {
      if (std::strcmp(step, "swept") != 0) return;
      const std::lock_guard<std::mutex> lock(mutex);
      swept = true;
      changed.notify_one();
    };
    Open();
    {
      std::unique_lock<std::mutex> lock(mutex);
      ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return swept; }));
    }
    Close();
    options_.fault_point = nullptr;
  }

  std::vector<std::string> Listed(std::optional<Revision> revision = std::nullopt) {
    std::vector<std::string> all;
    RecordQuery query;
    query.revision = revision;
    for (;;) {
      const auto page = store_->List(query);
      TRIBUTARY_EXPECT_OK(page);
      if (!page.ok()) return all;
      for (const Record& record : page->records) {
        all.push_back(absl::StrCat(record.key.id, "=", record.state, "@", record.revision));
      }
      if (!page->next.has_value()) return all;
      query.after = page->next;
      query.revision = page->revision;
    }
  }

  // What somebody does to the table, unseen by its index.
  void PastTheIndex(const std::string& statement) {
    const std::string index = "FROM sqlite_schema WHERE name = 'settled_in_order'";
    const std::string root = Ask(absl::StrCat("SELECT rootpage ", index));
    const std::string definition = Ask(absl::StrCat("SELECT sql ", index));
    Sql(absl::StrCat("PRAGMA writable_schema = ON; DELETE ", index));
    Sql(statement);
    Sql(
        absl::StrCat("PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES"
                     " ('index', 'settled_in_order', 'settled', ",
                     root, ", '", definition, "')"));
  }

  // Several blocks.
  void FillMuch() {
    std::vector<Delivery> batch;
    for (int i = 0; i < 1000; ++i) {
      batch.push_back(Updated(absl::StrCat(1000 + i)).At(i).State(std::string(100, 'x')));
    }
    Open();
    Commit(batch);
    Close();
    OpenAndAwaitSweep();
  }

  void Fill() {
    std::vector<Delivery> batch;
    for (int i = 0; i < 1000; ++i) {
      batch.push_back(Updated(absl::StrCat(1000 + i)).At(i).State("old"));
    }
    batch.push_back(Deleted("1007").At(2000));
    Open();
    Commit(batch);
    Close();
  }
};

TEST_F(SqliteSettled, CopiesAreReadOnlyWhileTheyAreOfTheStateThatStands) {
  Fill();
  OpenAndAwaitSweep();
  ASSERT_EQ(Ask("SELECT sum(resources) FROM settled"), "1000");
  Open();
  const auto before = Listed();
  EXPECT_THAT(before, SizeIs(999));
  const Revision at = store_->GetHead()->revision;
  Commit({Updated("1003").At(5000).State("new"), Deleted("1004").At(5000),
          Updated("0999").At(5000).State("first")});
  const auto after = Listed();
  EXPECT_THAT(after, SizeIs(999));
  EXPECT_EQ(after[0], absl::StrCat("0999=first@", at + 3));
  EXPECT_EQ(after[4], absl::StrCat("1003=new@", at + 1));
  EXPECT_EQ(Listed(at), before);
}

TEST_F(SqliteSettled, ACopyServesThePagesThatWouldReadTheLog) {
  Fill();
  OpenAndAwaitSweep();
  // Of a state that only the log holds, a page would say that it is damaged.
  Sql("UPDATE change SET state = x'00' WHERE revision = 6");
  Open();
  EXPECT_EQ(Listed()[5], "1005=old@6");
  EXPECT_THAT(store_->Get(KeyOf("1005"), false), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(SqliteSettled, NoCopyOutlivesADeletionOfWhichNothingIsLeft) {
  Fill();
  OpenAndAwaitSweep();
  options_.late_changes_max = 3;
  options_.history_max_changes = 1;
  options_.history_retention_us = options_.tombstone_retention_us = 1;
  std::mutex mutex;
  std::condition_variable compacted;
  options_.fault_point = [&](const char*) { compacted.notify_all(); };
  Open();
  Commit({Deleted("1003").At(5000).ArrivedAt(1)});
  for (int i = 0; i < 120; ++i) {
    clock_.Advance(10);
    Commit({Updated("1005").At(5000 + i).ArrivedAt(2 + i).State(absl::StrCat("new", i))});
  }
  const auto is_gone = [&] {
    return Ask("SELECT count(*) FROM resource WHERE id = x'31303033'") == "0";
  };
  for (int i = 0; i < 3000 && !is_gone(); ++i) {
    std::unique_lock lock(mutex);
    compacted.wait_for(lock, std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(is_gone());
  EXPECT_EQ(Ask("SELECT value FROM meta WHERE key = 'swept_revision'"), "1001");  // not since then
  const auto listed = Listed();
  EXPECT_THAT(listed, SizeIs(998));
  EXPECT_EQ(listed[3], "1004=old@5");
  Close();
}

TEST_F(SqliteSettled, DamagedCopiesArePassedOverForTheLog) {
  Fill();
  OpenAndAwaitSweep();
  Open();
  const auto before = Listed();
  EXPECT_THAT(before, SizeIs(999));
  for (const char* damage : {"entries = x'00'", "entries = CAST(entries || x'00' AS BLOB)",
                             "crc = crc + 1", "revision = revision + 1"}) {
    SCOPED_TRACE(damage);
    Close();
    Sql(absl::StrCat("UPDATE settled SET ", damage));
    Open();
    EXPECT_EQ(Listed(), before);
  }
}

TEST_F(SqliteSettled, ABlockThatMayBeginElsewhereIsFound) {
  FillMuch();
  const std::string saved = Content(path_);
  for (const char* damage : {"UPDATE settled SET first = x'31'", "DELETE FROM settled"}) {
    SCOPED_TRACE(damage);
    PastTheIndex(absl::StrCat(
        damage, " WHERE number = (SELECT number FROM settled ORDER BY first LIMIT 1 OFFSET 1)"));
    Open();
    RecordQuery all;
    all.max_records = 1000;
    EXPECT_THAT(store_->List(all), StatusIs(absl::StatusCode::kDataLoss));
    Close();
    std::ofstream(path_, std::ios::binary) << saved;
  }
  // Of the first one there is no doubt.
  PastTheIndex("DELETE FROM settled WHERE first = x''");
  Open();
  EXPECT_THAT(Listed(), SizeIs(1000));
}

TEST_F(SqliteSettled, ADamagedCopyIsMadeAnewOnceItsRangeChanges) {
  Fill();
  OpenAndAwaitSweep();
  Sql("UPDATE settled SET crc = crc + 1");
  Open();
  std::vector<Delivery> batch;
  for (int i = 0; i < 1000; ++i) {
    batch.push_back(Updated(absl::StrCat(1000 + i)).At(9000 + i).State("new"));
  }
  Commit(batch);
  Close();
  OpenAndAwaitSweep();
  Open();
  EXPECT_THAT(Listed(), SizeIs(1000));
}

// The copies against the pointers and the log, which they must never contradict.
TEST_F(SqliteSettled, ManySweepsOfManyChangesShowWhatGetShows) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  options_.late_changes_max = 64;
  std::map<std::string, std::string> model;
  int64_t time = 0;
  for (int sweep = 0; sweep < 8; ++sweep) {
    Open();
    for (int i = 0; i < 40; ++i) {
      std::vector<Delivery> batch;
      for (int j = 0; j < 25; ++j) {
        // Some at random, some close together, some behind all others; states of all sizes.
        const int id = i % 3 == 0   ? static_cast<int>(random() % 2000)
                       : i % 3 == 1 ? 500 + static_cast<int>(random() % 40)
                                    : 2000 + sweep * 400 + i * 10 + j % 10;
        const std::string name = absl::StrCat(10'000 + id);
        ++time;
        if (random() % 5 == 0) {
          batch.push_back(Deleted(name).At(time));
          model.erase(name);
        } else {
          const size_t most = sweep % 2 == 0 ? 8 : random() % 20 == 0 ? 20'000 : 900;
          const std::string state(random() % most, static_cast<char>('a' + time % 26));
          batch.push_back(Updated(name).At(time).State(state));
          model[name] = state;
        }
      }
      Commit(batch);
    }
    Close();
    OpenAndAwaitSweep();
    Open();
    std::vector<std::string> expected;
    for (const auto& [id, state] : model) {
      const auto record = store_->Get(KeyOf(id), false);
      TRIBUTARY_ASSERT_OK(record);
      ASSERT_TRUE(record->has_value());
      expected.push_back(absl::StrCat(id, "=", state, "@", (*record)->revision));
    }
    ASSERT_EQ(Listed(), expected);
    EXPECT_EQ(Ask("SELECT count(*) FROM settled"),
              Ask("SELECT count(*) FROM (SELECT DISTINCT scope, first FROM settled)"));
    Close();
  }
}

}  // namespace
}  // namespace tributary::testing
