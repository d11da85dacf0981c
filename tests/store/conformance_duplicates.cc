// What a store promises of the check for duplicates.

#include "tests/store/conformance.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kWindow = 1000;

TEST_P(StoreConformance, TheSameDeliveryAgainIsADuplicateOfTheFirst) {
  const Say first = Updated("a").State("x").WithKey("k");
  CommitOne(first);
  CommitOne(Updated("a").At(10'000).State("y"));
  EXPECT_THAT(CommitOne(first), Is(Verdict::kDuplicate, 1));
  Reopen();
  EXPECT_THAT(CommitOne(first), Is(Verdict::kDuplicate, 1));
  EXPECT_EQ(StateOf("a"), "y");
}

TEST_P(StoreConformance, DuplicatesAreFoundWithinABatch) {
  const Say first = Updated("a").State("x").WithKey("k");
  EXPECT_THAT(Commit({first, first, first}),
              ElementsAre(Is(Verdict::kApplied, 1), Is(Verdict::kDuplicate, 1),
                          Is(Verdict::kDuplicate, 1)));
}

TEST_P(StoreConformance, TheSameKeyWithOtherContentIsJudged) {
  CommitOne(Updated("a").At(1).State("x").WithKey("k"));
  EXPECT_THAT(CommitOne(Updated("a").At(2).State("y").WithKey("k")), Is(Verdict::kApplied, 2));
  // Both are remembered now.
  EXPECT_THAT(CommitOne(Updated("a").At(1).State("x").WithKey("k")), Is(Verdict::kDuplicate, 1));
  EXPECT_THAT(CommitOne(Updated("a").At(2).State("y").WithKey("k")), Is(Verdict::kDuplicate, 2));
}

TEST_P(StoreConformance, TheSameKeyOfAnotherOwnerConnectorEventOrResourceIsAnotherDelivery) {
  const auto with = [](auto change) {
    Delivery delivery = Updated("a").At(1).State("x").WithKey("k");
    change(delivery);
    return delivery;
  };
  EXPECT_EQ(CommitOne(with([](Delivery&) {})).verdict, Verdict::kApplied);
  EXPECT_NE(CommitOne(with([](Delivery& d) { d.owner_id = "other"; })).verdict,
            Verdict::kDuplicate);
  EXPECT_NE(CommitOne(with([](Delivery& d) { d.connector_id = "other"; })).verdict,
            Verdict::kDuplicate);
  EXPECT_NE(CommitOne(with([](Delivery& d) { d.event = "other"; })).verdict, Verdict::kDuplicate);
  EXPECT_NE(CommitOne(with([](Delivery& d) { d.resource_id = "other"; })).verdict,
            Verdict::kDuplicate);
  EXPECT_EQ(CommitOne(with([](Delivery&) {})).verdict, Verdict::kDuplicate);
}

TEST_P(StoreConformance, DuplicatesAreKnownUntilTheWindowOfTheFirstEnds) {
  EngineOptions options;
  options.idempotency_window_us = kWindow;
  Reopen(options);
  Say say = Updated("a").At(0).State("x").WithKey("k");
  CommitOne(say.ArrivedAt(0));
  EXPECT_EQ(CommitOne(say.ArrivedAt(kWindow / 2)).verdict, Verdict::kDuplicate);
  EXPECT_EQ(CommitOne(say.ArrivedAt(kWindow)).verdict, Verdict::kDuplicate);
  EXPECT_THAT(CommitOne(say.ArrivedAt(kWindow + 1)), Is(Verdict::kUnchanged, 1));
}

TEST_P(StoreConformance, WithoutAWindowNothingIsADuplicate) {
  EngineOptions options;
  options.idempotency_window_us = 0;
  Reopen(options);
  const Say say = Updated("a").At(0).State("x").WithKey("k");
  EXPECT_THAT(Commit({say, say}),
              ElementsAre(Is(Verdict::kApplied, 1), Is(Verdict::kUnchanged, 1)));
  EXPECT_EQ(CommitOne(say).verdict, Verdict::kUnchanged);
  EXPECT_EQ(HeadRevision(), 1);
}

TEST_P(StoreConformance, UnchangedSupersededAndParkedDeliveriesCountAsSeen) {
  CommitOne(Updated("a").At(10).State("x"));
  const Say unchanged = Updated("a").At(11).State("x").WithKey("u");
  const Say superseded = Updated("a").At(5).State("old").WithKey("s");
  const Say parked = Updated("a").State("body").Parked().WithKey("p");
  EXPECT_THAT(Commit({unchanged, superseded, parked}),
              ElementsAre(Is(Verdict::kUnchanged, 1), Is(Verdict::kSuperseded, 1),
                          Is(Verdict::kParked, 0)));
  EXPECT_THAT(Commit({unchanged, superseded, parked}),
              ElementsAre(Is(Verdict::kDuplicate, 1), Is(Verdict::kDuplicate, 1),
                          Is(Verdict::kDuplicate, 0)));
}

TEST_P(StoreConformance, RejectedDeliveriesNeverCountAsSeen) {
  const Say rejected = Updated("a").State("body").Rejected().WithKey("k");
  EXPECT_EQ(CommitOne(rejected).verdict, Verdict::kRejected);
  EXPECT_EQ(CommitOne(rejected).verdict, Verdict::kRejected);
  EXPECT_THAT(CommitOne(Updated("a").State("corrected").WithKey("k")), Is(Verdict::kApplied, 1));
}

TEST_P(StoreConformance, ADuplicateBringsNoEmbeddedResources) {
  const Say say =
      Updated("a").At(5).State("x").WithKey("k").Embeds(Embedded("child").At(1).State("c"));
  CommitOne(say);
  CommitOne(Deleted("child").At(1));
  EXPECT_THAT(CommitOne(say), Is(Verdict::kDuplicate, 2));
  EXPECT_EQ(StateOf("child"), "(deleted)");
}

TEST_P(StoreConformance, ReplayingEverythingWithoutAWindowMakesNoRevision) {
  EngineOptions options;
  options.idempotency_window_us = 0;
  Reopen(options);
  std::vector<Delivery> all = {Updated("a").At(1).State("x"), Updated("a").At(3).State("y"),
                               Updated("b").At(1).State("x"), Deleted("b").At(2),
                               Updated("a").At(2).State("z"), Deleted("c").At(1)};
  Commit(all);
  const Revision head = HeadRevision();
  const auto state = ListAll();
  Commit(all);
  EXPECT_EQ(HeadRevision(), head);
  EXPECT_EQ(ListAll(), state);
}

}  // namespace
}  // namespace tributary::testing
