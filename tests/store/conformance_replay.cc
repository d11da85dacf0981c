// Replays, and what they prove: the state is a function of the deliveries on record.

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "tests/store/conformance.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;

// Moved to a tenant of its own: one store serves every order.
Delivery ForOwner(Delivery delivery, const std::string& owner) {
  delivery.owner_id = owner;
  for (Mutation& mutation : delivery.mutations) mutation.key.owner_id = owner;
  return delivery;
}

Delivery AsParked(Delivery delivery) {
  delivery.intake = Delivery::Intake::kPark;
  delivery.body = "{}";
  return delivery;
}

std::string StatesOf(Store& store, const std::string& owner) {
  std::string all;
  for (const char* id : {"a", "b", "c"}) {
    const auto record = store.Get(KeyOf(id, owner), false);
    TRIBUTARY_EXPECT_OK(record);
    absl::StrAppend(&all, id, "=",
                    !record->has_value() ? "(absent)"
                    : (*record)->deleted ? "(deleted)"
                                         : (*record)->state,
                    " ");
  }
  return all;
}

// Calls `run` with each order of `count` things, and a name for it.
template <typename Run>
void ForEachOrder(size_t count, Run run) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  do {
    std::string name = "o";
    for (const size_t i : order) absl::StrAppend(&name, i);
    run(order, name);
  } while (std::next_permutation(order.begin(), order.end()));
}

const std::vector<Delivery>& WithDistinctTimes() {
  static const std::vector<Delivery> deliveries = {
      Created("a").At(10).State("a1").Embeds(Embedded("b").At(11).State("b-of-a1")),
      Updated("a").At(20).State("a2"),
      Deleted("a").At(30),
      Updated("b").At(12).State("b1").Embeds(Embedded("a").At(31).State("a-of-b1")),
      Deleted("b").At(9),
      Updated("c").At(40).State("c1").Embeds(Embedded("b").At(13).State("b1"))};
  return deliveries;
}

// The times given are before those of receipt.
const std::vector<Delivery>& WithTiesAndMissingTimes() {
  static const std::vector<Delivery> deliveries = {
      Created("a").At(-10).State("a1"),
      Updated("a").At(-10).State("a2"),
      Updated("a").State("a3").Embeds(Embedded("b").State("b-of-a3")),
      Deleted("b").At(-10),
      Updated("b").At(-10).State("b1"),
      Updated("b").State("b2")};
  return deliveries;
}

}  // namespace

TEST_P(StoreConformance, EveryOrderOfArrivalOfDistinctTimesEndsInOneState) {
  std::vector<Delivery> arriving;
  std::vector<std::string> owners;
  ForEachOrder(WithDistinctTimes().size(), [&](const auto& order, const std::string& owner) {
    for (const size_t i : order) arriving.push_back(ForOwner(WithDistinctTimes()[i], owner));
    owners.push_back(owner);
  });
  Commit(arriving);
  for (const std::string& owner : owners) {
    EXPECT_EQ(StatesOf(*store_, owner), "a=a-of-b1 b=b1 c=c1 ") << owner;
  }
}

TEST_P(StoreConformance, WhatIsOnRecordEndsInOneStateInWhateverOrderItIsProcessed) {
  // Each tenant has the same deliveries on record; only the order of processing differs.
  std::vector<Delivery> arriving;
  std::vector<Delivery> again;
  std::vector<std::string> owners;
  ForEachOrder(WithTiesAndMissingTimes().size(), [&](const auto& order, const std::string& owner) {
    const auto first = static_cast<int64_t>(arriving.size()) + 1;
    for (const Delivery& delivery : WithTiesAndMissingTimes()) {
      arriving.push_back(AsParked(ForOwner(delivery, owner)));
    }
    for (const size_t i : order) {
      Delivery delivery = ForOwner(WithTiesAndMissingTimes()[i], owner);
      delivery.replay = Replay{first + static_cast<int64_t>(i), 0, std::nullopt};
      again.push_back(std::move(delivery));
    }
    owners.push_back(owner);
  });
  Commit(arriving);
  DeliveryQuery all;
  all.oldest_first = true;
  all.max_deliveries = 1000;
  const std::vector<DeliveryRecord> records = LedgerAll(all);
  ASSERT_EQ(records.size(), arriving.size());
  for (Delivery& delivery : again) {
    delivery.replay->received_us =
        records[static_cast<size_t>(delivery.replay->number) - 1].received_us;
  }
  Commit(again);
  for (const std::string& owner : owners) {
    EXPECT_EQ(StatesOf(*store_, owner), "a=a3 b=b2 c=(absent) ") << owner;
  }
}

TEST_P(StoreConformance, AReplayOfEverythingWithoutAWindowMakesNoRevision) {
  EngineOptions options;
  options.idempotency_window_us = 0;
  Reopen(options);
  std::vector<Delivery> sent = WithDistinctTimes();
  sent.insert(sent.end(), WithTiesAndMissingTimes().begin(), WithTiesAndMissingTimes().end());
  Commit(sent);
  const Revision head = HeadRevision();
  const std::vector<std::string> states = ListAll();
  std::vector<Delivery> again;
  for (size_t i = 0; i < sent.size(); ++i) {
    again.push_back(Replayed(sent[i], RecordOf(static_cast<int64_t>(i) + 1)));
  }
  for (int round = 0; round < 3; ++round) {
    for (const Outcome& outcome : Commit(again)) {
      EXPECT_TRUE(outcome.verdict == Verdict::kUnchanged || outcome.verdict == Verdict::kSuperseded)
          << "delivery " << outcome.delivery;
    }
    EXPECT_EQ(HeadRevision(), head);
    EXPECT_EQ(ListAll(), states);
    EXPECT_EQ(LedgerAll().size(), sent.size()) << "a replay is no delivery";
    std::reverse(again.begin(), again.end());
    Reopen(options);
  }
}

TEST_P(StoreConformance, AReplayOfWhatWasRefusedMakesWhatIsMissingUnderItsOldVersion) {
  const Delivery late = Updated("a").State("parked");  // without a time: that of its receipt counts
  const Delivery fresh = Updated("b").At(7).State("rejected");
  Delivery rejected = fresh;
  rejected.intake = Delivery::Intake::kReject;
  rejected.body = "{}";
  Commit({AsParked(late), rejected, Updated("a").At(500).State("newer")});
  EXPECT_THAT(Commit({Replayed(late, RecordOf(1))}), ElementsAre(Is(Verdict::kSuperseded, 1)));
  const Committed made = CommitAll({Replayed(fresh, RecordOf(2))});
  EXPECT_THAT(made.outcomes, ElementsAre(Is(Verdict::kApplied, 2)));
  ASSERT_EQ(made.changes.size(), 1u);
  EXPECT_EQ(made.changes[0]->delivery, 2);
  EXPECT_EQ(StateOf("a"), "newer");
  EXPECT_EQ(StateOf("b"), "rejected");
  for (int life = 0; life < 2; ++life) {
    EXPECT_THAT(RecordOf(1).outcome, Is(Verdict::kSuperseded, 1));
    EXPECT_THAT(RecordOf(2).outcome, Is(Verdict::kApplied, 2)) << "what it became is on record";
    EXPECT_EQ(LedgerAll().size(), 3u);
    EXPECT_THAT(Commit({Replayed(fresh, RecordOf(2))}), ElementsAre(Is(Verdict::kUnchanged, 2)));
    EXPECT_THAT(Commit({Updated("b").At(6).State("older")}),
                ElementsAre(Is(Verdict::kSuperseded, 2)));
    TRIBUTARY_ASSERT_OK(store_->PurgeDeliveries(std::vector<int64_t>{4}));
    Reopen();
  }
}

TEST_P(StoreConformance, AReplayOfADuplicateRewindsNothing) {
  EngineOptions options;
  options.ledger_bodies = LedgerBodies::kAll;
  Reopen(options);
  const Delivery first = Updated("a").State("first").WithKey("k").Body("{}");
  Commit({first, Updated("a").State("second"), first});
  EXPECT_THAT(RecordOf(3).outcome, Is(Verdict::kDuplicate, 1));
  EXPECT_THAT(Commit({Replayed(first, RecordOf(3))}), ElementsAre(Is(Verdict::kDuplicate, 0)));
  EXPECT_EQ(StateOf("a"), "second");
  const Delivery parked = AsParked(Updated("p").WithKey("p"));
  Commit({parked, parked});
  EXPECT_THAT(Commit({Replayed(parked, RecordOf(5))}), ElementsAre(Is(Verdict::kDuplicate, 0)))
      << "also one of what was parked";
}

TEST_P(StoreConformance, NumbersGoOnWhereTheyWereAfterAReplay) {
  Commit({AsParked(Updated("a").At(5).State("x")), Updated("b").At(1).State("y")});
  Commit({Replayed(Updated("a").At(5).State("x"), RecordOf(1))});
  Reopen();
  EXPECT_EQ(CommitOne(Updated("c").At(1).State("z")).delivery, 3);
  EXPECT_EQ(LedgerAll().size(), 3u);
}

TEST_P(StoreConformance, AVersionThatAReplayRaisedIsDurable) {
  const Delivery equal = Updated("a").At(50).State("x");
  Commit({AsParked(equal), Updated("a").At(10).State("x")});
  EXPECT_THAT(Commit({Replayed(equal, RecordOf(1))}), ElementsAre(Is(Verdict::kUnchanged, 1)));
  for (int life = 0; life < 2; ++life) {
    EXPECT_THAT(Commit({Updated("a").At(40).State("older")}),
                ElementsAre(Is(Verdict::kSuperseded, 1)));
    Reopen();
  }
}

TEST_P(StoreConformance, ARehearsedReplayChangesNothing) {
  const Delivery parked = Updated("a").At(5).State("x");
  CommitOne(AsParked(parked));
  EXPECT_THAT(*store_->Rehearse(std::vector<Delivery>{Replayed(parked, RecordOf(1))}),
              ElementsAre(Is(Verdict::kApplied, 1)));
  EXPECT_EQ(HeadRevision(), 0);
  EXPECT_EQ(StateOf("a"), "(absent)");
  EXPECT_THAT(RecordOf(1).outcome, Is(Verdict::kParked, 0));
  EXPECT_TRUE(RecordOf(1).has_body);
}

}  // namespace tributary::testing
