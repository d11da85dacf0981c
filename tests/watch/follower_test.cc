#include "server/watch/follower.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/watch/model_store.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using testing::FakeClock;
using ::testing::IsEmpty;
using testing::TempDir;

uint64_t Seed() {
  const char* seed = std::getenv("TRIBUTARY_TEST_SEED");
  return seed != nullptr ? std::strtoull(seed, nullptr, 10) : std::random_device{}();
}

// A store and a hub as the server ties them together.
class FollowerTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open(size_t window_bytes = limits::kWindowBytesMax) {
    hub_.reset();
    store_.reset();
    SqliteOptions options;
    options.path = dir_.path() + "/test.db";
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options, clock_));
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Head head, store_->GetHead());
    hub_ = std::make_unique<ChangeHub>(head.revision, 0, window_bytes);
  }

  // One delivery: the resource `id` of `owner` now holds `state`; "" deletes it.
  // As many resources, and what is told of them.
  std::vector<std::string> SendMany(int count) {
    std::vector<std::string> told;
    for (int i = 0; i < count; ++i) {
      Send("acme", std::to_string(i), "s");
      told.push_back("+" + std::to_string(i) + ":s");
    }
    return told;
  }

  void Send(const std::string& owner, const std::string& id, const std::string& state) {
    Delivery delivery;
    delivery.connector_id = "hubspot";
    delivery.owner_id = owner;
    delivery.event = state.empty() ? "deal::deleted" : "deal::updated";
    delivery.resource_id = id;
    delivery.idempotency_key = std::to_string(++sent_);
    delivery.arrived_us = clock_.NowMicros() + sent_;
    Mutation mutation;
    mutation.key = {"deal", "hubspot", owner, id};
    mutation.rank = state.empty() ? Rank::kDeleted : Rank::kUpdated;
    mutation.state = state;
    delivery.mutations.push_back(mutation);
    delivery.content = Hasher().Add(delivery.idempotency_key).Finish();
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Committed committed, store_->Commit({&delivery, 1}));
    hub_->Publish(committed.changes);
  }

  Follower Follow(Position start, std::string owner = "", std::optional<Revision> stop_at = {}) {
    FollowerOptions options;
    options.selection = {{"deal"}, "", std::move(owner)};
    options.start = std::move(start);
    options.stop_at = stop_at;
    return Follower(*store_, *hub_, options);
  }

  // Everything that is ready, as text: "=id:state" existing, "+" created, "~" updated, "-" deleted,
  // "." the end of a snapshot.
  static std::vector<std::string> Drain(Follower& follower, Revision* bookmark = nullptr) {
    std::vector<std::string> seen;
    for (;;) {
      const absl::StatusOr<Follower::Batch> batch = follower.Next();
      if (!batch.ok()) return {batch.status().ToString()};
      for (const Record& record : batch->existing)
        seen.push_back("=" + record.key.id + ":" + record.state);
      AppendTexts(batch->changes, seen);
      if (batch->snapshot_complete) seen.push_back(".");
      if (bookmark != nullptr) *bookmark = batch->revision;
      if (batch->caught_up || batch->done) return seen;
    }
  }

  static void AppendTexts(const std::vector<ChangeRun>& runs, std::vector<std::string>& texts) {
    for (const ChangeRun& run : runs) {
      for (const ChangePtr& change : run.changes()) texts.push_back(Text(*change));
    }
  }

  static std::string Text(const Change& change) {
    switch (change.kind) {
      case ChangeKind::kCreated:
        return "+" + change.key.id + ":" + change.state;
      case ChangeKind::kUpdated:
        return "~" + change.key.id + ":" + change.state;
      default:
        return "-" + change.key.id + ":" + (change.before != nullptr ? change.before->state : "?");
    }
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ChangeHub> hub_;
  int sent_ = 0;
};

TEST_F(FollowerTest, TheTailStartsRightAfterTheSnapshot) {
  Send("acme", "b", "1");
  Send("acme", "a", "2");
  Follower follower = Follow(Position::Snapshot(hub_->head().revision));
  Send("acme", "a", "3");
  Send("acme", "b", "");
  Send("acme", "c", "4");
  EXPECT_THAT(Drain(follower), ElementsAre("=a:2", "=b:1", ".", "~a:3", "-b:1", "+c:4"));
  EXPECT_THAT(Drain(follower), IsEmpty());
}

TEST_F(FollowerTest, AnEmptySnapshotIsCompleteAtOnce) {
  Follower follower = Follow(Position::Snapshot(0));
  EXPECT_THAT(Drain(follower), ElementsAre("."));
}

TEST_F(FollowerTest, GoesOnAtTheNextChangeFromAnyPosition) {
  for (int i = 0; i < 5; ++i) Send("acme", "a", std::to_string(i));
  Follower follower = Follow(Position::Tail(3));
  EXPECT_THAT(Drain(follower), ElementsAre("~a:3", "~a:4"));
}

TEST_F(FollowerTest, HidesOtherOwnersAndStillMovesItsBookmark) {
  Send("acme", "a", "1");
  Send("globex", "a", "2");
  Follower follower = Follow(Position::Tail(0), "acme");
  Revision bookmark = 0;
  EXPECT_THAT(Drain(follower, &bookmark), ElementsAre("+a:1"));
  EXPECT_EQ(bookmark, 2);
}

TEST_F(FollowerTest, StopsAtTheRevisionAskedFor) {
  for (int i = 0; i < 5; ++i) Send("acme", "a", std::to_string(i));
  Follower follower = Follow(Position::Tail(0), "", 3);
  EXPECT_THAT(Drain(follower), ElementsAre("+a:0", "~a:1", "~a:2"));
}

TEST_F(FollowerTest, CatchesUpFromDiskBehindTheWindow) {
  Open(/*window_bytes=*/1);
  const std::vector<std::string> expected = SendMany(3000);
  Follower follower = Follow(Position::Tail(0));
  EXPECT_EQ(Drain(follower), expected);
}

TEST_F(FollowerTest, LateTogetherTheyTakeEachOthersPagesAndMissNothing) {
  Open(/*window_bytes=*/1);
  const std::vector<std::string> expected = SendMany(200);
  Follower first = Follow(Position::Tail(0));
  Follower second = Follow(Position::Tail(0));
  Follower third = Follow(Position::Tail(0));
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Follower::Batch alone, first.Next());
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Follower::Batch kept, second.Next());
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Follower::Batch taken, third.Next());
  EXPECT_NE(kept.changes.at(0).block, alone.changes.at(0).block);
  EXPECT_EQ(taken.changes.at(0).block, kept.changes.at(0).block);
  const auto rest = [](const Follower::Batch& begin, Follower& follower) {
    std::vector<std::string> seen;
    AppendTexts(begin.changes, seen);
    for (std::string& text : Drain(follower)) seen.push_back(std::move(text));
    return seen;
  };
  EXPECT_EQ(rest(alone, first), expected);
  EXPECT_EQ(rest(kept, second), expected);
  EXPECT_EQ(rest(taken, third), expected);
}

TEST_F(FollowerTest, APageReadAheadIsToldOnceAndWithoutTheStore) {
  Open(/*window_bytes=*/1);
  const std::vector<std::string> expected = SendMany(2500);
  Follower follower = Follow(Position::Tail(0));
  std::vector<std::string> seen;
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(std::optional<Follower::Batch> batch, follower.Next());
  AppendTexts(batch->changes, seen);
  int ahead = 0;
  while (const std::optional<ChangeQuery> query = follower.QueryAhead()) {
    const Position before = follower.position();
    follower.ReadAhead(*query);
    EXPECT_EQ(follower.position(), before) << "what was not told does not count";
    batch = follower.NextInMemory();
    ASSERT_TRUE(batch.has_value());
    AppendTexts(batch->changes, seen);
    ++ahead;
  }
  EXPECT_EQ(seen, expected);
  EXPECT_TRUE(batch->caught_up);
  EXPECT_GE(ahead, 2);  // more where the disk is slow
}

TEST_F(FollowerTest, WhatWasReadAheadIsNotTakenByWhoHasGoneOn) {
  Open(/*window_bytes=*/1);
  for (int i = 1; i <= 3; ++i) Send("acme", std::to_string(i), "s");
  FollowerOptions options;
  options.selection = {{"deal"}, "", ""};
  options.batch_max = 1;
  Follower follower(*store_, *hub_, options);
  ASSERT_TRUE(follower.Next().ok());
  follower.ReadAhead(follower.QueryAhead().value());
  follower.SkipTo(2);
  EXPECT_THAT(Drain(follower), ElementsAre("+3:s"));
}

TEST_F(FollowerTest, ReadsNothingAheadOfWhatIsInMemoryOrNotThereYet) {
  Send("acme", "a", "1");
  Send("acme", "b", "2");
  Follower in_memory = Follow(Position::Tail(0));
  EXPECT_FALSE(in_memory.QueryAhead().has_value()) << "it did not begin";
  EXPECT_THAT(Drain(in_memory), ElementsAre("+a:1", "+b:2"));
  EXPECT_FALSE(in_memory.QueryAhead().has_value());

  Open(/*window_bytes=*/1);
  Follower at_head = Follow(Position::Tail(0));
  EXPECT_THAT(Drain(at_head), ElementsAre("+a:1", "+b:2"));
  EXPECT_FALSE(at_head.QueryAhead().has_value());
  Follower at_end = Follow(Position::Tail(0), "", /*stop_at=*/1);
  EXPECT_THAT(Drain(at_end), ElementsAre("+a:1"));
  EXPECT_FALSE(at_end.QueryAhead().has_value());
}

TEST_F(FollowerTest, OnlyFewLateReadersHoldAPageMore) {
  Open(/*window_bytes=*/1);
  for (int i = 0; i < 3; ++i) Send("acme", std::to_string(i), "s");
  FollowerOptions options;
  options.selection = {{"deal"}, "", ""};
  options.batch_max = 1;
  std::deque<Follower> late;
  for (int i = 0; i < limits::kReadersAheadMax; ++i) {
    ASSERT_TRUE(late.emplace_back(*store_, *hub_, options).Next().ok());
  }
  EXPECT_TRUE(late.front().QueryAhead().has_value());
  ASSERT_TRUE(late.emplace_back(*store_, *hub_, options).Next().ok());
  EXPECT_FALSE(late.front().QueryAhead().has_value());
  late.pop_back();
  EXPECT_TRUE(late.front().QueryAhead().has_value());
}

// A snapshot of one resource at a time, over a model store that compacts when it is told to.
TEST(FollowerOfAShortHistory, ASnapshotMovesAndMendsWhatItHasSent) {
  testing::ModelStore store;
  ChangeHub hub(0, 0);
  const auto send = [&](const char* id, const char* state) {
    Delivery delivery;
    Mutation mutation;
    mutation.key = {"deal", "hubspot", "acme", id};
    mutation.rank = *state == '\0' ? Rank::kDeleted : Rank::kUpdated;
    mutation.state = state;
    delivery.mutations.push_back(mutation);
    hub.Publish(store.Commit({&delivery, 1})->changes);
  };
  for (const char* id : {"a", "b", "c", "d"}) send(id, "1");
  FollowerOptions options;
  options.start = Position::Snapshot(4);
  options.batch_max = 2;
  Follower follower(store, hub, options);
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(Follower::Batch batch, follower.Next());
  ASSERT_EQ(batch.existing.size(), 2u) << "a and b";
  send("a", "");
  send("c", "2");
  store.Compact(6, 0);

  std::vector<std::string> seen;
  while (!batch.snapshot_complete) {
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(batch, follower.Next());
    for (const ChangeRun& run : batch.changes) {
      EXPECT_EQ(run.telling, (Telling{ChangeType::kDeleted, true}));
      seen.push_back("-" + run.changes()[0]->key.id);
    }
    for (const Record& record : batch.existing) seen.push_back("=" + record.key.id + record.state);
  }
  EXPECT_THAT(seen, ElementsAre("-a", "=c2", "=d1"));
  EXPECT_EQ(batch.revision, 6) << "the revision that it moved to";
}

// The whole promise, against a model that remembers everything: whatever the interleaving of
// writes, reads, restarts of server and follower, each change comes once and in order.
TEST_F(FollowerTest, RandomWorkloadIsSeenOnceAndInOrderWhateverIsRestarted) {
  const uint64_t seed = Seed();
  std::cout << "seed " << seed << " (TRIBUTARY_TEST_SEED repeats it)\n";
  std::mt19937_64 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); };

  std::map<std::string, std::string> state;  // now
  std::vector<std::string> log;              // every change, as Text has it, from revision 1
  const auto send_some = [&](int most) {
    for (int i = below(most + 1); i > 0; --i) {
      const std::string id = "r" + std::to_string(below(20));
      const auto held = state.find(id);
      if (held != state.end() && below(4) == 0) {
        log.push_back("-" + id + ":" + held->second);
        state.erase(held);
        Send("acme", id, "");
      } else {
        const std::string value =
            std::to_string(random() % 1000) + "v" + std::to_string(log.size());
        log.push_back((held == state.end() ? "+" : "~") + id + ":" + value);
        state[id] = value;
        Send("acme", id, value);
      }
    }
  };
  send_some(40);
  std::vector<std::string> expected;
  for (const auto& [id, value] : state) expected.push_back("=" + id + ":" + value);
  expected.push_back(".");
  Position position = Position::Snapshot(hub_->head().revision);
  const size_t log_before = log.size();

  std::vector<std::string> seen;
  for (int round = 0; round < 150; ++round) {
    send_some(10);
    if (below(10) == 0) Open(below(2) == 0 ? 1 : limits::kWindowBytesMax);
    Follower follower = Follow(position);
    for (int i = below(3); i > 0; --i) {
      TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Follower::Batch batch, follower.Next());
      if (below(5) == 0) break;  // lost with the connection, and so is its position
      for (const Record& record : batch.existing)
        seen.push_back("=" + record.key.id + ":" + record.state);
      AppendTexts(batch.changes, seen);
      if (batch.snapshot_complete) seen.push_back(".");
      position = follower.position();
    }
  }
  Follower follower = Follow(position);
  for (std::string& text : Drain(follower)) seen.push_back(std::move(text));
  expected.insert(expected.end(), log.begin() + static_cast<std::ptrdiff_t>(log_before), log.end());
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace tributary
