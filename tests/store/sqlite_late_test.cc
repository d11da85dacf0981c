// What is written late: pointers, revisions by scope, fingerprints. Wherever a process ends between
// the log and these tables, nothing is missing and nothing is old.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <random>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/fingerprint_filter.h"
#include "tests/store/dying_process.h"

namespace tributary::testing {
namespace {

using ::testing::SizeIs;

class SqliteLate : public DyingSqliteStoreTest {
 protected:
  std::vector<std::string> ChangedIds(const std::string& owner) {
    std::vector<std::string> ids;
    ChangeQuery query;
    query.selection.owner_id = owner;
    for (;;) {
      const auto page = store_->Changes(query);
      TRIBUTARY_EXPECT_OK(page);
      if (!page.ok()) return ids;
      for (const ChangePtr& change : page->changes) ids.push_back(change->key.id);
      if (page->through >= page->head) return ids;
      query.after = page->through;
    }
  }
};

Say Of(int i, int of) {
  return Say(Rank::kUpdated, KeyOf(absl::StrCat("id", i % of), absl::StrCat("owner", i % 3)))
      .At(i)
      .State(absl::StrCat("s", i))
      .WithKey(absl::StrCat("k", i));
}

TEST_F(SqliteLate, AProcessThatDiesAnywhereLeavesNothingOut) {
  constexpr int kCommits = 60;
  for (const char* step :
       {"before_late_work", "before_commit", "after_commit", "recovering", "settling"}) {
    for (const int nth : {1, 18, 1000}) {
      SCOPED_TRACE(absl::StrCat(step, " ", nth));
      for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
      options_.late_changes_max = 7;
      // Twice, so that what one found again is lost again.
      for (int life = 0; life < 2; ++life) {
        InDyingProcess(step, nth, [&](Store& store) {
          for (int i = 0; i < kCommits; ++i) {
            (void)store.Commit(std::vector<Delivery>{Of(i, 9), Of(i, 9)});
          }
        });
      }
      Open();
      const int done = static_cast<int>(store_->GetHead()->revision);
      // What is there is there whole, and what comes again is known.
      for (int i = 0; i < kCommits; ++i) {
        const Outcome outcome = Commit({Of(i, 9)}).outcomes[0];
        EXPECT_EQ(outcome.verdict, i < done ? Verdict::kDuplicate : Verdict::kApplied) << i;
        EXPECT_EQ(outcome.revision, i + 1);
      }
      for (int life = 0; life < 2; ++life) {
        for (int i = kCommits - 9; i < kCommits; ++i) {
          const auto record =
              store_->Get(KeyOf(absl::StrCat("id", i % 9), absl::StrCat("owner", i % 3)), false);
          TRIBUTARY_ASSERT_OK(record);
          EXPECT_EQ((*record)->state, absl::StrCat("s", i));
        }
        for (int owner = 0; owner < 3; ++owner) {
          EXPECT_THAT(ChangedIds(absl::StrCat("owner", owner)), SizeIs(kCommits / 3));
        }
        Open();
      }
      Close();
      EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
      EXPECT_EQ(Ask("SELECT count(*) FROM change_of_scope"), std::to_string(kCommits));
      EXPECT_EQ(Ask("SELECT count(*) FROM resource"), "9");
    }
  }
}

TEST_F(SqliteLate, AProcessThatDiesDuringACheckpointLeavesNothingOut) {
  constexpr int kCommits = 60;
  const auto large = [](int i) {
    return Updated(absl::StrCat("id", i))
        .State(std::string(512 * 1024, static_cast<char>('a' + i % 26)));
  };
  options_.late_changes_max = 7;
  SharedCount acknowledged;
  SharedCount lived;
  for (int life = 0; life < 2; ++life) {
    const Revision before = acknowledged;
    InDyingProcess("checkpoint", 1, [&](Store& store) {
      const Revision head = store.GetHead()->revision;
      for (int i = 0; i < kCommits; ++i) {
        const auto result = store.Commit(std::vector<Delivery>{large(static_cast<int>(head) + i)});
        if (result.ok()) acknowledged = head + i + 1;
      }
      // The thread that does it may come to it after the last commit.
      std::promise<void> end;
      end.get_future().wait_for(std::chrono::minutes(1));
      lived = 1;
    });
    EXPECT_GT(acknowledged, before);
    EXPECT_EQ(int64_t{lived}, 0) << "the process did not come to a checkpoint";
  }
  Open();
  const Revision head = store_->GetHead()->revision;
  EXPECT_GE(head, acknowledged);
  for (int i = 0; i < head; ++i) {
    const auto record = store_->Get(KeyOf(absl::StrCat("id", i)), false);
    TRIBUTARY_ASSERT_OK(record);
    ASSERT_TRUE(record->has_value()) << i;
    EXPECT_EQ((*record)->state[0], static_cast<char>('a' + i % 26));
  }
  Close();
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteLate, AVersionThatRoseWithoutAChangeSurvivesAProcessThatDies) {
  for (const size_t late : {size_t{1}, size_t{3}, size_t{1000}}) {
    SCOPED_TRACE(late);
    for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
    options_.late_changes_max = late;
    InDyingProcess("never", 1, [&](Store& store) {
      (void)store.Commit(
          std::vector<Delivery>{Updated("a").At(10).State("x"), Updated("b").At(10).State("x")});
      (void)store.Commit(std::vector<Delivery>{Updated("a").At(20).State("x")});
      (void)store.Commit(
          std::vector<Delivery>{Updated("b").At(20).State("x"), Updated("b").At(30).State("y")});
    });
    Open();
    const auto outcomes = Commit({Updated("a").At(15).State("older than what stands"),
                                  Updated("b").At(25).State("older than what stands"),
                                  Updated("a").At(21).State("z")})
                              .outcomes;
    EXPECT_EQ(outcomes[0].verdict, Verdict::kSuperseded);
    EXPECT_EQ(outcomes[1].verdict, Verdict::kSuperseded);
    EXPECT_EQ(outcomes[2].verdict, Verdict::kApplied);
    EXPECT_EQ(StateOf("a"), "z");
    EXPECT_EQ(StateOf("b"), "y");
    Close();
  }
}

TEST_F(SqliteLate, NotesOfRaisedVersionsGoOnceTheyAreOfNoUse) {
  options_.late_changes_max = 5;
  Open();
  Commit({Updated("a").At(0).State("x")});
  for (int i = 1; i <= 100; ++i) Commit({Updated("a").At(i).State("x")});
  Close();
  Open();
  Commit({Updated("b").State("y")});
  Close();
  EXPECT_EQ(Ask("SELECT count(*) FROM raise"), "0");
}

TEST_F(SqliteLate, ClosingBringsTheTablesUpToDate) {
  Open();
  for (int i = 0; i < 30; ++i) Commit({Of(i, 9)});
  Close();
  EXPECT_EQ(Ask("SELECT value FROM meta WHERE key = 'applied_revision'"), "30");
  EXPECT_EQ(Ask("SELECT count(*) FROM resource"), "9");
  EXPECT_EQ(Ask("SELECT group_concat(revision) FROM resource"),
            Ask("SELECT group_concat(m) FROM (SELECT max(revision) AS m FROM change"
                " GROUP BY scope, id ORDER BY scope, id)"));
}

TEST_F(SqliteLate, ARetryIsKnownHoweverManyRunsCameBetween) {
  options_.late_changes_max = 4;  // so that there are more runs than one filter holds
  Open();
  const auto delivery = [](int i) {
    return Updated(absl::StrCat(i)).State("x").WithKey(absl::StrCat("k", i));
  };
  for (int i = 0; i < 400; ++i) Commit({delivery(i)});
  for (int life = 0; life < 2; ++life) {
    for (int i = 0; i < 400; ++i) {
      const Outcome again = Commit({delivery(i)}).outcomes[0];
      EXPECT_EQ(again.verdict, Verdict::kDuplicate) << i;
      EXPECT_EQ(again.revision, i + 1);
    }
    Open();
  }
  EXPECT_EQ(store_->GetHead()->revision, 400);
}

TEST_F(SqliteLate, RunsOfAnotherSizeAreKnownToo) {
  options_.late_changes_max = 4;
  Open();
  for (int i = 0; i < 50; ++i) Commit({Of(i, 50)});
  Close();
  options_.late_changes_max = 64;
  Open();
  for (int i = 50; i < 300; ++i) Commit({Of(i, 300)});
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(Commit({Of(i, 50)}).outcomes[0].verdict, Verdict::kDuplicate);
}

TEST_F(SqliteLate, ADamagedRunIsNotTakenForOneThatHoldsNothing) {
  options_.late_changes_max = 4;
  Open();
  for (int i = 0; i < 50; ++i) Commit({Of(i, 50)});
  Close();
  ASSERT_NE(Ask("SELECT count(*) FROM fingerprint_block"), "0");
  Sql("UPDATE fingerprint_block SET crc = crc + 1");
  Open();
  const std::vector<Delivery> again = {Of(0, 50)};
  EXPECT_THAT(store_->Commit(again), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FingerprintFilter, NeverDeniesWhatItHoldsAndSeldomClaimsWhatItDoesNot) {
  constexpr int kHashes = 4096;
  std::mt19937_64 random(7);
  sqlite::FingerprintFilter filter(kHashes);
  std::vector<uint64_t> held;
  for (int i = 0; i < kHashes; ++i) {
    held.push_back(random());
    filter.Add(5, held.back());
    filter.Add(6, random());
  }
  sqlite::FingerprintFilter again(kHashes);
  again.SetColumn(9, filter.Column(5));
  for (const uint64_t hash : held) {
    EXPECT_TRUE(filter.MayHold(hash) >> 5 & 1);
    EXPECT_TRUE(again.MayHold(hash) >> 9 & 1);
  }
  int claimed = 0;
  for (int i = 0; i < 100'000; ++i) claimed += static_cast<int>(filter.MayHold(random()) >> 5 & 1);
  EXPECT_LT(claimed, 200);
  filter.Clear(5);
  EXPECT_EQ(filter.MayHold(held[0]) >> 5 & 1, 0u);
  again.SetColumn(9, "of another size");
  EXPECT_EQ(again.MayHold(random()), uint64_t{1} << 9);
}

}  // namespace
}  // namespace tributary::testing
