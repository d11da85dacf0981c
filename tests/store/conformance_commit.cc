// What a store promises of Commit: order, versions, kinds of change, embedded resources.

#include "tests/store/conformance.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, ANewStoreIsEmptyAndHasAName) {
  EXPECT_EQ(HeadRevision(), 0);
  EXPECT_EQ(store_->id().size(), 32u);
  EXPECT_THAT(ListAll(), IsEmpty());
  EXPECT_THAT(ChangesAll(), IsEmpty());
  EXPECT_EQ(StateOf("a"), "(absent)");
}

TEST_P(StoreConformance, EverythingSurvivesReopening) {
  const std::string id = store_->id();
  CommitOne(Updated("a").At(1).State("x"));
  CommitOne(Updated("b").At(1).State("y"));
  CommitOne(Deleted("b").At(2));
  Reopen();
  EXPECT_EQ(store_->id(), id);
  EXPECT_EQ(HeadRevision(), 3);
  EXPECT_EQ(StateOf("a"), "x");
  EXPECT_EQ(StateOf("b"), "(deleted)");
  EXPECT_THAT(ChangesAll(), ElementsAre("C a=x", "C b=y", "D b"));
  const Outcome next = CommitOne(Updated("a").At(3).State("z"));
  EXPECT_THAT(next, Is(Verdict::kApplied, 4));
  EXPECT_EQ(next.delivery, 4);
}

TEST_P(StoreConformance, RevisionsAreTheOrderOfCommitWithoutGaps) {
  Revision last = 0;
  for (int batch = 0; batch < 5; ++batch) {
    std::vector<Delivery> deliveries;
    for (int i = 0; i < 7; ++i) {
      deliveries.push_back(
          Updated("id" + std::to_string(i)).At(batch).State(std::to_string(batch)));
    }
    for (const Outcome& outcome : Commit(deliveries)) EXPECT_EQ(outcome.revision, ++last);
    EXPECT_EQ(HeadRevision(), last);
  }
}

TEST_P(StoreConformance, DeliveriesAreNumberedWithoutGapsWhateverTheirVerdict) {
  const auto outcomes = Commit(
      {Updated("a").At(5).State("x").WithKey("k"), Updated("a").At(5).State("x").WithKey("k"),
       Updated("a").At(4).State("old"), Updated("a").At(6).State("x"),
       Updated("a").State("?").Parked(), Updated("a").State("?").Rejected()});
  EXPECT_THAT(outcomes, ElementsAre(Is(Verdict::kApplied, 1), Is(Verdict::kDuplicate, 1),
                                    Is(Verdict::kSuperseded, 1), Is(Verdict::kUnchanged, 1),
                                    Is(Verdict::kParked, 0), Is(Verdict::kRejected, 0)));
  for (size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].delivery, static_cast<int64_t>(i) + 1);
  }
  Reopen();
  EXPECT_EQ(CommitOne(Updated("b").State("y")).delivery, 7);
}

TEST_P(StoreConformance, AFirstSeenUpdateIsACreation) {
  const Committed committed = CommitAll({Updated("a").State("x"), Created("a").At(10).State("y")});
  ASSERT_THAT(committed.changes, SizeIs(2));
  EXPECT_EQ(committed.changes[0]->kind, ChangeKind::kCreated);
  EXPECT_EQ(committed.changes[0]->prev, 0);
  EXPECT_EQ(committed.changes[1]->kind, ChangeKind::kUpdated);
  EXPECT_EQ(committed.changes[1]->prev, 1);
}

TEST_P(StoreConformance, AnOlderDeliveryIsSupersededByTheStateThatStands) {
  CommitOne(Updated("a").At(10).State("new"));
  EXPECT_THAT(CommitOne(Updated("a").At(9).State("old")), Is(Verdict::kSuperseded, 1));
  EXPECT_EQ(StateOf("a"), "new");
  EXPECT_EQ(HeadRevision(), 1);
}

TEST_P(StoreConformance, EqualTimesAreDecidedByRankThenByArrival) {
  CommitOne(Updated("a").At(10).State("first"));
  EXPECT_THAT(CommitOne(Created("a").At(10).State("lower rank")), Is(Verdict::kSuperseded, 1));
  EXPECT_THAT(CommitOne(Updated("a").At(10).State("later")), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Deleted("a").At(10)), Is(Verdict::kApplied, 3));
  EXPECT_THAT(CommitOne(Updated("a").At(10).State("too late")), Is(Verdict::kSuperseded, 3));
}

TEST_P(StoreConformance, AMissingTimeIsTheTimeOfReceipt) {
  CommitOne(Updated("a").At(100).State("early"));
  EXPECT_THAT(CommitOne(Updated("a").ArrivedAt(50).State("arrived before that")),
              Is(Verdict::kSuperseded, 1));
  EXPECT_THAT(CommitOne(Updated("a").ArrivedAt(200).State("now")), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Updated("a").At(150).State("before it arrived")),
              Is(Verdict::kSuperseded, 2));
}

TEST_P(StoreConformance, TimesOfReceiptNeverGoBack) {
  Committed first =
      CommitAll({Updated("a").ArrivedAt(1000).State("x"), Updated("b").ArrivedAt(500).State("y")});
  EXPECT_EQ(first.changes[0]->received_us, kStart + 1000);
  EXPECT_EQ(first.changes[1]->received_us, kStart + 1001);
  CommitOne(Updated("b").At(-5).ArrivedAt(0).State("superseded, but received"));
  Reopen();
  Committed next = CommitAll({Updated("c").ArrivedAt(0).State("z")});
  EXPECT_EQ(next.changes[0]->received_us, kStart + 1003);
}

TEST_P(StoreConformance, TimesOfCommitNeverGoBack) {
  clock_.Set(kStart + 100);
  CommitOne(Updated("a").State("x"));
  clock_.Set(kStart + 50);
  Reopen();
  CommitOne(Updated("a").At(10).State("y"));
  EXPECT_THAT(store_->CommittedAt(1), IsOkAndHolds(kStart + 100));
  EXPECT_THAT(store_->CommittedAt(2), IsOkAndHolds(kStart + 100));
  EXPECT_THAT(store_->CommittedAt(3), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(store_->CommittedAt(0), IsOkAndHolds(std::nullopt));
}

TEST_P(StoreConformance, EqualContentMakesNoChangeButItsTimeCounts) {
  CommitOne(Updated("a").At(10).State("x"));
  EXPECT_THAT(CommitOne(Updated("a").At(20).State("x")), Is(Verdict::kUnchanged, 1));
  EXPECT_EQ(HeadRevision(), 1);
  Reopen();
  EXPECT_THAT(CommitOne(Updated("a").At(15).State("between the two")), Is(Verdict::kSuperseded, 1));
  EXPECT_THAT(CommitOne(Updated("a").At(25).State("y")), Is(Verdict::kApplied, 2));
}

TEST_P(StoreConformance, TheRawResourceAloneMakesAChange) {
  CommitOne(Updated("a").At(10).State("x").Raw("r1"));
  EXPECT_THAT(CommitOne(Updated("a").At(11).State("x").Raw("r1")), Is(Verdict::kUnchanged, 1));
  EXPECT_THAT(CommitOne(Updated("a").At(12).State("x").Raw("r2")), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Updated("a").At(13).State("x")), Is(Verdict::kApplied, 3));
}

TEST_P(StoreConformance, ATombstoneIsNotCrossedByAnOlderUpdate) {
  CommitOne(Updated("a").At(10).State("x"));
  EXPECT_THAT(CommitOne(Deleted("a").At(20)), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Updated("a").At(15).State("late")), Is(Verdict::kSuperseded, 2));
  EXPECT_EQ(StateOf("a"), "(deleted)");
}

TEST_P(StoreConformance, ANewerUpdateBringsADeletedResourceBackAsCreated) {
  CommitOne(Updated("a").At(10).State("x"));
  CommitOne(Deleted("a").At(20));
  const Committed back = CommitAll({Updated("a").At(30).State("y")});
  ASSERT_THAT(back.changes, SizeIs(1));
  EXPECT_EQ(back.changes[0]->kind, ChangeKind::kCreated);
  EXPECT_EQ(back.changes[0]->prev, 2);
  EXPECT_EQ(back.changes[0]->before, nullptr);
  EXPECT_EQ(StateOf("a"), "y");
}

TEST_P(StoreConformance, ADeleteOfWhatWasNeverSeenTakesARevisionAndReachesNobody) {
  const Committed committed = CommitAll({Deleted("a").At(20)});
  EXPECT_THAT(committed.outcomes, ElementsAre(Is(Verdict::kApplied, 1)));
  ASSERT_THAT(committed.changes, SizeIs(1));
  EXPECT_EQ(committed.changes[0]->kind, ChangeKind::kHidden);
  EXPECT_THAT(ChangesAll(), IsEmpty());
  EXPECT_EQ(StateOf("a"), "(deleted)");
  EXPECT_THAT(CommitOne(Updated("a").At(15).State("late")), Is(Verdict::kSuperseded, 1));
}

TEST_P(StoreConformance, ADeleteOfATombstoneChangesNothingButItsTimeCounts) {
  CommitOne(Updated("a").At(10).State("x"));
  CommitOne(Deleted("a").At(20));
  EXPECT_THAT(CommitOne(Deleted("a").At(30)), Is(Verdict::kUnchanged, 2));
  EXPECT_THAT(CommitOne(Updated("a").At(25).State("y")), Is(Verdict::kSuperseded, 2));
}

TEST_P(StoreConformance, LaterDeliveriesOfABatchSeeTheEarlierOnes) {
  const Committed committed =
      CommitAll({Updated("a").At(1).State("x"), Updated("a").At(2).State("y"), Deleted("a").At(3),
                 Updated("a").At(2).State("late"), Updated("a").At(4).State("z")});
  EXPECT_THAT(committed.outcomes, ElementsAre(Is(Verdict::kApplied, 1), Is(Verdict::kApplied, 2),
                                              Is(Verdict::kApplied, 3), Is(Verdict::kSuperseded, 3),
                                              Is(Verdict::kApplied, 4)));
  EXPECT_THAT(ChangesAll(), ElementsAre("C a=x", "U a=y", "D a", "C a=z"));
}

TEST_P(StoreConformance, CommitReturnsWhatItChangedWithTheStatesBefore) {
  CommitOne(Updated("a").At(1).State("x").Raw("rx"));
  clock_.Set(kStart + 77);
  const Committed committed =
      CommitAll({Updated("a").At(2).State("y").Raw("ry").ArrivedAt(5), Deleted("a").At(3)});
  ASSERT_THAT(committed.changes, SizeIs(2));
  const Change& update = *committed.changes[0];
  EXPECT_EQ(update.revision, 2);
  EXPECT_EQ(update.key, KeyOf("a"));
  EXPECT_EQ(update.state, "y");
  EXPECT_EQ(update.raw, "ry");
  EXPECT_EQ(update.committed_us, kStart + 77);
  EXPECT_EQ(update.received_us, kStart + 5);
  EXPECT_EQ(update.delivery, 2);
  ASSERT_NE(update.before, nullptr);
  EXPECT_EQ(update.before->state, "x");
  EXPECT_EQ(update.before->raw, "rx");
  EXPECT_EQ(update.before->revision, 1);
  const Change& removal = *committed.changes[1];
  EXPECT_EQ(removal.kind, ChangeKind::kDeleted);
  EXPECT_EQ(removal.state, "");
  ASSERT_NE(removal.before, nullptr);
  EXPECT_EQ(removal.before->key, KeyOf("a"));
  EXPECT_EQ(removal.before->state, "y");
  EXPECT_EQ(removal.before->revision, 2);
}

TEST_P(StoreConformance, ChangedFieldsAreComputedForUpdatesAndKept) {
  EngineOptions options;
  options.changed_fields = [](const Record& before, const Record& after) {
    EXPECT_EQ(before.key, after.key);
    return before.state + before.raw + ">" + after.state + after.raw;
  };
  Reopen(options);
  CommitAll({Updated("a").At(1).State("x").Raw("r"), Updated("a").At(2).State("y"),
             Deleted("a").At(3), Updated("a").At(4).State("z")});
  const auto page = store_->Changes({});
  TRIBUTARY_ASSERT_OK(page);
  std::vector<std::string> fields;
  for (const ChangePtr& change : page->changes) fields.push_back(change->changed_fields);
  EXPECT_THAT(fields, ElementsAre("", "xr>y", "", ""));
}

TEST_P(StoreConformance, EmbeddedResourcesTakeTheirRevisionsBeforeTheirParent) {
  const Committed committed = CommitAll({Updated("parent")
                                             .At(5)
                                             .State("p")
                                             .Embeds(Embedded("deep").At(1).State("d"))
                                             .Embeds(Embedded("child").State("c"))});
  EXPECT_THAT(committed.outcomes, ElementsAre(Is(Verdict::kApplied, 3)));
  EXPECT_THAT(ChangesAll(), ElementsAre("C deep=d", "C child=c", "C parent=p"));
  for (const ChangePtr& change : committed.changes) EXPECT_EQ(change->delivery, 1);
  // Without a time of its own an embedded resource has its parent's.
  EXPECT_THAT(CommitOne(Updated("child").At(4).State("older")), Is(Verdict::kSuperseded, 2));
  EXPECT_THAT(CommitOne(Created("child").At(5).State("equal, but not embedded")),
              Is(Verdict::kApplied, 4));
}

TEST_P(StoreConformance, EmbeddedResourcesAreJudgedByTheirOwnVersion) {
  CommitOne(Updated("parent").At(10).State("p"));
  // The parent is superseded, what it brings is new.
  EXPECT_THAT(
      CommitOne(Updated("parent").At(5).State("old").Embeds(Embedded("child").At(7).State("c"))),
      Is(Verdict::kSuperseded, 1));
  EXPECT_EQ(StateOf("child"), "c");
  // The parent is unchanged, what it brings is not.
  EXPECT_THAT(
      CommitOne(Updated("parent").At(11).State("p").Embeds(Embedded("child").At(8).State("c2"))),
      Is(Verdict::kUnchanged, 1));
  EXPECT_EQ(StateOf("child"), "c2");
  // The parent is applied, what it brings is older than what is there.
  EXPECT_THAT(
      CommitOne(Updated("parent").At(12).State("p2").Embeds(Embedded("child").At(1).State("old"))),
      Is(Verdict::kApplied, 4));
  EXPECT_EQ(StateOf("child"), "c2");
}

TEST_P(StoreConformance, WhatIsMadeForOneRevisionAppliesToNoOther) {
  EXPECT_THAT(CommitOne(Created("a").IfAt(0).State("x")), Is(Verdict::kApplied, 1));
  EXPECT_THAT(CommitOne(Created("a").IfAt(0).State("y")), Is(Verdict::kRejected, 1));
  EXPECT_THAT(CommitOne(Updated("a").IfAt(1).State("z")), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Updated("a").IfAt(1).State("late")), Is(Verdict::kRejected, 2));
  EXPECT_THAT(CommitOne(Deleted("a").IfAt(2)), Is(Verdict::kApplied, 3));
  // A tombstone stands too, until it is named.
  EXPECT_THAT(CommitOne(Created("a").IfAt(0).State("again")), Is(Verdict::kRejected, 3));
  EXPECT_THAT(CommitOne(Created("a").IfAt(3).State("again")), Is(Verdict::kApplied, 4));
  Reopen();
  EXPECT_EQ(StateOf("a"), "again");
  EXPECT_THAT(ChangesAll(), ElementsAre("C a=x", "U a=z", "D a", "C a=again"));
}

TEST_P(StoreConformance, OfOneBatchTheFirstThatIsMadeForARevisionApplies) {
  EXPECT_THAT(
      Commit({Created("a").IfAt(0).State("x"), Created("a").IfAt(0).State("y"),
              Updated("a").IfAt(1).State("z")}),
      ElementsAre(Is(Verdict::kApplied, 1), Is(Verdict::kRejected, 1), Is(Verdict::kApplied, 2)));
}

TEST_P(StoreConformance, WhatComesAlongAndDoesNotApplyIsPassedOver) {
  const auto parent = [](const char* state) { return Updated("parent").State(state); };
  // Ordered by receipt, whatever time the parent has.
  EXPECT_THAT(CommitOne(parent("p").At(9).Embeds(Embedded("child").IfAt(0).State("c"))),
              Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(parent("q").At(10).Embeds(Embedded("child").IfAt(0).State("late"))),
              Is(Verdict::kApplied, 3));
  EXPECT_EQ(StateOf("child"), "c");
  EXPECT_THAT(CommitOne(parent("old").At(1).Embeds(Embedded("child").IfAt(1).State("c2"))),
              Is(Verdict::kSuperseded, 3));
  EXPECT_EQ(StateOf("child"), "c2");
}

TEST_P(StoreConformance, ARejectedDeliveryMayBeSentAgainUnderItsKey) {
  CommitOne(Created("a").State("x"));
  EXPECT_THAT(CommitOne(Created("a").IfAt(0).State("y").WithKey("k")), Is(Verdict::kRejected, 1));
  EXPECT_THAT(CommitOne(Created("a").IfAt(0).State("y").WithKey("k")), Is(Verdict::kRejected, 1));
  EXPECT_THAT(CommitOne(Created("b").IfAt(0).State("y").WithKey("l")), Is(Verdict::kApplied, 2));
  EXPECT_THAT(CommitOne(Created("b").IfAt(0).State("y").WithKey("l")), Is(Verdict::kDuplicate, 2));
}

TEST_P(StoreConformance, ADeleteBringsNoEmbeddedResources) {
  CommitOne(Deleted("parent").At(5).Embeds(Embedded("child").At(5).State("c")));
  EXPECT_EQ(StateOf("child"), "(absent)");
}

}  // namespace
}  // namespace tributary::testing
