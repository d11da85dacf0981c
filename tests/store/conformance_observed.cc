// What a list of the source showed to be there, and tombstones that stand in its way.

#include <algorithm>
#include <random>

#include "tests/store/conformance.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// Listed at `seen`, with the `updatedAt` that it had long before, and delivered a moment later.
Say Listed(const std::string& state, int64_t updated, int64_t seen) {
  return Updated("a").At(updated).State(state).SeenAt(seen).ArrivedAt(seen + 5);
}

TEST_P(StoreConformance, WhatIsSeenAfterItsDeletionIsThereAgain) {
  Commit({Updated("a").At(10).State("x"), Deleted("a").At(20)});
  const Committed back = CommitAll({Listed("x", 10, 30)});
  EXPECT_THAT(back.outcomes, ElementsAre(Is(Verdict::kApplied, 3)));
  ASSERT_THAT(back.changes, SizeIs(1));
  EXPECT_EQ(back.changes[0]->kind, ChangeKind::kCreated);
  EXPECT_EQ(back.changes[0]->prev, 2);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(StateOf("a"), "x");
    // To see it once more changes nothing.
    EXPECT_THAT(CommitOne(Listed("x", 10, 40 + life)), Is(Verdict::kUnchanged, 3));
    Reopen();
  }
}

TEST_P(StoreConformance, ADeletionAtTheMomentOrLaterHidesWhatWasSeen) {
  Commit({Updated("a").At(10).State("x"), Deleted("a").At(30)});
  EXPECT_THAT(CommitOne(Listed("x", 10, 29)), Is(Verdict::kSuperseded, 2));
  EXPECT_THAT(CommitOne(Listed("x", 10, 30)), Is(Verdict::kSuperseded, 2));
  EXPECT_EQ(StateOf("a"), "(deleted)");
  EXPECT_THAT(CommitOne(Listed("x", 10, 31)), Is(Verdict::kApplied, 3));
}

TEST_P(StoreConformance, WhatIsSeenYieldsToANewerStateHoweverLateItIsSeen) {
  CommitOne(Updated("a").At(25).State("new"));
  EXPECT_THAT(CommitOne(Listed("old", 10, 30)), Is(Verdict::kSuperseded, 1));
  EXPECT_THAT(CommitOne(Listed("new", 25, 40)), Is(Verdict::kUnchanged, 1));
  // Having been seen makes no state newer than the source says it is.
  EXPECT_THAT(CommitOne(Updated("a").At(26).State("newer")), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Listed("newest", 27, 50)), Is(Verdict::kApplied, 3));
}

TEST_P(StoreConformance, AfterAComebackWhatIsOlderThanTheTombstoneStaysSo) {
  Commit({Updated("a").At(10).State("x"), Deleted("a").At(20), Listed("x", 10, 30)});
  Reopen();
  EXPECT_THAT(CommitOne(Updated("a").At(15).State("from before")), Is(Verdict::kSuperseded, 3));
  EXPECT_THAT(CommitOne(Deleted("a").At(19)), Is(Verdict::kSuperseded, 3));
  EXPECT_THAT(CommitOne(Deleted("a").At(20)), Is(Verdict::kSuperseded, 3));
  // An edit between the two moments that the list did not show yet is not lost.
  EXPECT_THAT(CommitOne(Updated("a").At(25).State("y")), Is(Verdict::kApplied, 4));
  EXPECT_THAT(CommitOne(Deleted("a").At(26)), Is(Verdict::kApplied, 5));
  EXPECT_THAT(CommitOne(Listed("y", 25, 40)), Is(Verdict::kApplied, 6));
}

TEST_P(StoreConformance, WhatWasSeenWithoutATimeHasThatOfTheMoment) {
  CommitOne(Updated("a").State("x").SeenAt(30).ArrivedAt(100));
  EXPECT_THAT(CommitOne(Updated("a").At(29).State("older")), Is(Verdict::kSuperseded, 1));
  // Deleted between the moment and the receipt.
  EXPECT_THAT(CommitOne(Deleted("a").At(50)), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Updated("a").State("x").SeenAt(40).ArrivedAt(200)),
              Is(Verdict::kSuperseded, 2));
  EXPECT_THAT(CommitOne(Updated("a").State("x").SeenAt(51).ArrivedAt(300)),
              Is(Verdict::kApplied, 3));
}

TEST_P(StoreConformance, NothingIsSeenAfterItWasReceived) {
  CommitOne(Deleted("a").At(1000));
  EXPECT_THAT(CommitOne(Updated("a").At(10).State("x").SeenAt(5000).ArrivedAt(900)),
              Is(Verdict::kSuperseded, 1));
  EXPECT_THAT(CommitOne(Updated("a").At(10).State("x").SeenAt(5000).ArrivedAt(1001)),
              Is(Verdict::kApplied, 2));
}

TEST_P(StoreConformance, OfADeletionAMomentSaysNothing) {
  CommitOne(Updated("a").At(20).State("x"));
  EXPECT_THAT(CommitOne(Deleted("a").At(10).SeenAt(30).ArrivedAt(35)), Is(Verdict::kSuperseded, 1));
  EXPECT_THAT(CommitOne(Deleted("a").At(21).SeenAt(5).ArrivedAt(36)), Is(Verdict::kApplied, 2));
}

TEST_P(StoreConformance, WhatComesAlongWithWhatWasSeenPassesNoTombstone) {
  Commit({Deleted("b").At(20), Deleted("a").At(20)});
  CommitOne(Listed("a1", 10, 30).Embeds(Embedded("b").At(10).State("copy")));
  EXPECT_EQ(StateOf("a"), "a1");
  EXPECT_EQ(StateOf("b"), "(deleted)");
}

TEST_P(StoreConformance, TheKeyOfAnEarlierSightIsADuplicateSoEachSightNeedsItsOwn) {
  CommitOne(Listed("x", 10, 30).WithKey("first"));
  CommitOne(Deleted("a").At(40));
  EXPECT_THAT(CommitOne(Listed("x", 10, 50).WithKey("first")), Is(Verdict::kDuplicate, 1));
  EXPECT_THAT(CommitOne(Listed("x", 10, 50).WithKey("second")), Is(Verdict::kApplied, 3));
}

TEST_P(StoreConformance, AReplayKeepsTheVersionThatASightHadWhenItCame) {
  EngineOptions options;
  options.idempotency_window_us = 0;
  Reopen(options);
  const std::vector<Delivery> sent = {
      // Seen before the deletion came: judged by its time, and deleted by what was older.
      Listed("x", 10, 30).Embeds(Embedded("b").State("b-of-a")), Deleted("a").At(20),
      // Seen after it.
      Listed("x", 10, 40).Embeds(Embedded("b").State("c-of-a")), Updated("b").At(12).State("b1"),
      Updated("a").At(15).State("late"), Listed("y", 11, 50)};
  Commit(sent);
  EXPECT_EQ(StateOf("a"), "x");
  EXPECT_EQ(StateOf("b"), "b1");
  const Revision head = HeadRevision();
  std::vector<Delivery> again;
  for (size_t i = 0; i < sent.size(); ++i) {
    again.push_back(Replayed(sent[i], RecordOf(static_cast<int64_t>(i) + 1)));
  }
  std::mt19937 random(1);  // NOLINT: any orders will do
  for (int round = 0; round < 20; ++round) {
    Commit(again);
    ASSERT_EQ(HeadRevision(), head) << "round " << round;
    std::shuffle(again.begin(), again.end(), random);
    if (round % 5 == 0) Reopen(options);
  }
  EXPECT_EQ(StateOf("a"), "x");
}

TEST_P(StoreConformance, WhatWasParkedIsJudgedByWhatWasSeenOnceItIsReplayed) {
  const Delivery listed = Listed("x", 10, 30);
  Delivery parked = listed;
  parked.intake = Delivery::Intake::kPark;
  parked.body = "{}";
  Commit({parked, Deleted("a").At(20)});
  EXPECT_THAT(Commit({Replayed(listed, RecordOf(1))}), ElementsAre(Is(Verdict::kApplied, 2)));
  EXPECT_EQ(StateOf("a"), "x");
  EXPECT_THAT(Commit({Replayed(listed, RecordOf(1))}), ElementsAre(Is(Verdict::kUnchanged, 2)));
  EXPECT_THAT(CommitOne(Deleted("a").At(20)), Is(Verdict::kSuperseded, 2));
}

}  // namespace
}  // namespace tributary::testing
