// The log with holes: what history releases goes, and nothing that it still shows.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <random>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "tests/store/dying_process.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

using States = std::map<std::string, std::string>;  // of those that exist, by id

constexpr int64_t kSecond = 1'000'000;

class SqliteHistory : public DyingSqliteStoreTest {
 protected:
  SqliteHistory() {
    options_.late_changes_max = 3;
    options_.history_retention_us = 0;
    options_.tombstone_retention_us = 0;
    options_.fault_point = [this](const char*) { compacted_.notify_all(); };
  }
  ~SqliteHistory() override { Close(); }

  // One delivery, a microsecond after the last; its revision.
  Revision Put(const std::string& id, const std::string& state) {
    ++now_;
    return Commit({Updated(id).At(now_).ArrivedAt(now_).State(state)}).outcomes.at(0).revision;
  }
  Revision Delete(const std::string& id) {
    ++now_;
    return Commit({Deleted(id).At(now_).ArrivedAt(now_)}).outcomes.at(0).revision;
  }

  absl::StatusOr<States> StatesAt(std::optional<Revision> revision) {
    States states;
    RecordQuery query;
    query.revision = revision;
    for (;;) {
      TRIBUTARY_ASSIGN_OR_RETURN(RecordPage page, store_->List(query));
      for (Record& record : page.records) states[record.key.id] = record.state;
      if (!page.next.has_value()) return states;
      query.revision = page.revision;
      query.after = std::move(page.next);
    }
  }

  std::vector<ChangePtr> ChangesAfter(Revision after) {
    std::vector<ChangePtr> changes;
    ChangeQuery query;
    query.after = after;
    query.before = true;
    for (;;) {
      auto page = store_->Changes(query);
      TRIBUTARY_EXPECT_OK(page);
      if (!page.ok()) return changes;
      for (ChangePtr& change : page->changes) changes.push_back(std::move(change));
      if (page->through >= page->head) return changes;
      query.after = page->through;
    }
  }

  Head At() { return *store_->GetHead(); }

  // Adds to the log until `done`: what compaction does, it does beside commits.
  void CommitUntil(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000; ++i) {
      if (done()) return;
      Put("filler", absl::StrCat(i));
    }
    FAIL() << "it did not come to that";
  }

  // Waits for what is done while nobody commits.
  void WaitUntil(const std::function<bool()>& done) {
    for (int i = 0; i < 1000 && !done(); ++i) {
      std::unique_lock lock(mutex_);
      compacted_.wait_for(lock, std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(done());
  }

  int64_t now_ = 0;
  std::mutex mutex_;
  std::condition_variable compacted_;
};

TEST_F(SqliteHistory, EveryRevisionThatHistoryHoldsIsShownExactly) {
  for (const unsigned seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 random(seed);
    for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
    options_.history_max_changes = 1 + random() % 40;
    options_.tombstone_retention_us = random() % 2 == 0 ? 0 : 150;
    clock_.Set(FakeClock::kStart);
    Open();
    std::vector<States> oracle(1);
    const auto check = [&] {
      const Head head = At();
      ASSERT_EQ(head.revision + 1, static_cast<Revision>(oracle.size()));
      for (Revision at = head.oldest_revision; at <= head.revision; ++at) {
        const absl::StatusOr<States> states = StatesAt(at);
        if (!states.ok() && At().oldest_revision > at) continue;  // it went meanwhile
        TRIBUTARY_ASSERT_OK(states);
        ASSERT_EQ(*states, oracle[static_cast<size_t>(at)]) << at;
      }
      // From nothing, the whole log ends in what is there.
      States replayed;
      for (const ChangePtr& change : ChangesAfter(0)) {
        if (change->kind == ChangeKind::kDeleted) {
          replayed.erase(change->key.id);
        } else {
          replayed[change->key.id] = change->state;
        }
      }
      ASSERT_EQ(replayed, oracle.back());
      // Above the floor nothing is missing, not even what was replaced.
      const Revision floor = At().oldest_revision;
      States followed = oracle[static_cast<size_t>(floor)];
      for (const ChangePtr& change : ChangesAfter(floor)) {
        const auto held = followed.find(change->key.id);
        if (change->kind == ChangeKind::kCreated) {
          ASSERT_EQ(held, followed.end());
        } else if (change->before != nullptr || change->revision > At().oldest_revision) {
          ASSERT_NE(change->before, nullptr);
          ASSERT_EQ(change->before->state, held->second);
        }
        if (change->kind == ChangeKind::kDeleted) {
          followed.erase(change->key.id);
        } else {
          followed[change->key.id] = change->state;
        }
      }
      ASSERT_EQ(followed, oracle.back());
    };
    for (int i = 0; i < 400; ++i) {
      const std::string id = absl::StrCat("id", random() % 12);
      clock_.Advance(static_cast<int64_t>(random() % 4));
      States next = oracle.back();
      const bool gone = random() % 4 == 0;
      const Revision revision = gone ? Delete(id) : Put(id, absl::StrCat("s", i));
      gone ? (void)next.erase(id) : (void)(next[id] = absl::StrCat("s", i));
      if (revision == static_cast<Revision>(oracle.size())) oracle.push_back(std::move(next));
      if (random() % 40 == 0) check();
      if (random() % 100 == 0) Open();
    }
    check();
    EXPECT_GT(At().oldest_revision, 0);
    Close();
    EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
  }
}

TEST_F(SqliteHistory, ARevisionThatHistoryHasPassedIsRefused) {
  options_.history_max_changes = 4;
  Open();
  Put("a", "first");
  const Revision first = Put("b", "x");
  CommitUntil([&] { return At().oldest_revision > first; });
  EXPECT_THAT(StatesAt(first), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(store_->Get(KeyOf("a"), false, first), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(StateOf("a"), "first");
}

TEST_F(SqliteHistory, WhatWasReplacedGoesAndItsRoomIsGivenBack) {
  options_.history_max_changes = 10;
  Open();
  for (int i = 0; i < 3000; ++i) Put(absl::StrCat("id", i % 5), std::string(4000, 'x'));
  CommitUntil([&] { return At().oldest_revision > 2990; });
  for (int life = 0; life < 20; ++life) {
    CommitUntil([&, end = At().revision + 50] { return At().revision >= end; });
    WaitUntil([&] { return std::stoi(Ask("PRAGMA freelist_count")) < 100; });
    Open();
  }
  Close();
  EXPECT_THAT(std::stoi(Ask("PRAGMA page_count")), Le(300));
  EXPECT_THAT(std::stoi(Ask("SELECT count(*) FROM change")), Le(200));
  EXPECT_EQ(Ask("SELECT count(*) FROM change_of_scope"), Ask("SELECT count(*) FROM change"));
}

TEST_F(SqliteHistory, AgeMovesTheFloorToo) {
  options_.history_max_changes = 0;
  options_.history_retention_us = 100 * kSecond;
  Open();
  const Revision old = Put("a", "old");
  Put("a", "new");
  clock_.Advance(90 * kSecond);
  const Revision late = Put("a", "newest");
  EXPECT_EQ(At().oldest_revision, 0);
  clock_.Advance(20 * kSecond);
  Put("a", "one more");
  WaitUntil([&] { return At().oldest_revision >= old; });
  EXPECT_LT(At().oldest_revision, late);
}

TEST_F(SqliteHistory, ADeliveryStaysKnownWhenItsChangeIsGone) {
  options_.history_max_changes = 2;
  Open();
  const Delivery first = Updated("a").At(1).State("first").WithKey("once");
  Commit({first});
  now_ = 1;
  Put("a", "second");
  CommitUntil([&] { return At().oldest_revision > 100; });
  const Outcome again = Commit({first}).outcomes.at(0);
  EXPECT_EQ(again.verdict, Verdict::kDuplicate);
  EXPECT_EQ(again.revision, 1);
  Close();
  EXPECT_EQ(Ask("SELECT event || ' ' || verdict || ' ' || revision FROM delivery WHERE number = 1"),
            "deal::updated 1 1");
  EXPECT_EQ(Ask("SELECT count(*) FROM change WHERE revision = 1"), "0");
}

TEST_F(SqliteHistory, ATombstoneGoesAfterItsTimeAndNotBefore) {
  options_.history_max_changes = 2;
  options_.tombstone_retention_us = 100 * kSecond;
  Open();
  Put("a", "x");
  const Revision deleted = Delete("a");
  CommitUntil([&] { return At().oldest_revision > deleted + 100; });
  EXPECT_EQ(StateOf("a"), "(deleted)");
  EXPECT_THAT(ChangesAfter(0).front()->key.id, "a");
  EXPECT_EQ(At().oldest_resumable, 0);
  clock_.Advance(101 * kSecond);
  now_ += 101 * kSecond;
  CommitUntil([&] { return At().oldest_resumable >= deleted && StateOf("a") == "(absent)"; });
  for (const ChangePtr& change : ChangesAfter(0)) EXPECT_EQ(change->key.id, "filler");
  // What was accepted before that is on record, but a replay brings nothing of it back.
  const auto record = store_->GetDelivery(1);
  TRIBUTARY_ASSERT_OK(record);
  ASSERT_TRUE(record->has_value());
  const Delivery first = Updated("a").At(1).State("x");
  EXPECT_EQ(Commit({Replayed(first, **record)}).outcomes.at(0).verdict, Verdict::kSuperseded);
  EXPECT_EQ(StateOf("a"), "(absent)");
  // What was deleted may come back, as if it had never been.
  const Committed back = Commit({Updated("a").At(2).State("back")});
  EXPECT_EQ(back.changes.at(0)->kind, ChangeKind::kCreated);
  EXPECT_EQ(back.changes.at(0)->prev, 0);
  EXPECT_EQ(StateOf("a"), "back");
}

TEST_F(SqliteHistory, TheNewestRevisionIsNeverGivenTwice) {
  options_.history_max_changes = 1;
  options_.tombstone_retention_us = 1;
  Open();
  Put("a", "x");
  const Revision last = Delete("a");
  clock_.Advance(kSecond);
  for (int i = 0; i < 3; ++i) Open();
  EXPECT_EQ(At().revision, last);
  EXPECT_EQ(Put("b", "y"), last + 1);
}

TEST_F(SqliteHistory, WhoReadsPageByPageHoldsHistoryBackForAMinute) {
  options_.history_max_changes = 100;
  Open();
  const Revision held = Put("a", "held");
  store_->HoldHistory(held);
  for (int i = 0; i < 180; ++i) Put("a", absl::StrCat(i));
  EXPECT_EQ((*StatesAt(held))["a"], "held");
  clock_.Advance(61 * kSecond);
  CommitUntil([&] { return At().oldest_revision > held; });
}

TEST_F(SqliteHistory, WhoReadsPageByPageHoldsNotMoreThanTwiceTheLimit) {
  options_.history_max_changes = 100;
  Open();
  const Revision held = Put("a", "held");
  store_->HoldHistory(held);
  CommitUntil([&] { return At().oldest_revision > held; });
  EXPECT_THAT(At().revision, Ge(held + 200));
}

TEST_F(SqliteHistory, AProcessThatDiesWhileItCompactsLosesNothing) {
  options_.history_max_changes = 5;
  options_.tombstone_retention_us = 20;
  for (const char* step : {"before_commit", "after_commit", "settling", "compacted"}) {
    for (const int nth : {3, 40, 100}) {
      SCOPED_TRACE(absl::StrCat(step, " ", nth));
      for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
      clock_.Set(FakeClock::kStart);
      now_ = 0;
      for (int life = 0; life < 3; ++life) {
        InDyingProcess(step, nth, [&](Store& store) {
          const auto begin = static_cast<int>(store.GetHead()->revision);
          for (int i = begin; i < begin + 80; ++i) {
            clock_.Advance(1);
            Say say(i % 7 == 0 ? Rank::kDeleted : Rank::kUpdated, KeyOf(absl::StrCat("id", i % 9)));
            (void)store.Commit(std::vector<Delivery>{
                say.At(i).ArrivedAt(i).State(i % 7 == 0 ? "" : absl::StrCat("s", i))});
          }
        });
        clock_.Advance(100);
      }
      Open();
      const auto head = static_cast<int>(At().revision);
      States expected;
      for (int i = 0; i < head; ++i) {
        const std::string id = absl::StrCat("id", i % 9);
        i % 7 == 0 ? (void)expected.erase(id) : (void)(expected[id] = absl::StrCat("s", i));
      }
      const absl::StatusOr<States> states = StatesAt(std::nullopt);
      TRIBUTARY_ASSERT_OK(states);
      EXPECT_EQ(*states, expected);
      now_ = 1000;
      CommitUntil([&] { return At().oldest_revision > head; });
      Close();
      EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
      EXPECT_EQ(Ask("SELECT count(*) FROM change_of_scope WHERE revision NOT IN"
                    " (SELECT revision FROM change)"),
                "0");
    }
  }
}

}  // namespace
}  // namespace tributary::testing
