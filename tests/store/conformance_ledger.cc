// The ledger: what is on record of every delivery, and for how long.

#include "absl/strings/str_cat.h"
#include "tests/store/conformance.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kDay = 24LL * 3600 * 1'000'000;

std::vector<int64_t> NumbersOf(const std::vector<DeliveryRecord>& records) {
  std::vector<int64_t> numbers;
  for (const DeliveryRecord& record : records) numbers.push_back(record.outcome.delivery);
  return numbers;
}

class OfVerdict final : public DeliveryFilter {
 public:
  explicit OfVerdict(Verdict verdict) : verdict_(verdict) {}
  bool Matches(const DeliveryRecord& record) const override {
    return record.outcome.verdict == verdict_;
  }

 private:
  const Verdict verdict_;
};

}  // namespace

TEST_P(StoreConformance, TheLedgerTellsOfEveryDeliveryWhateverBecameOfIt) {
  Commit({Created("a").At(10).State("x").WithKey("k1"), Updated("a").At(20).State("x"),
          Created("a").At(10).State("x").WithKey("k1")});
  Commit({Updated("a").At(5).State("old").Body("{old}"), Updated("b").Parked().Body("{parked}"),
          Updated("c").Rejected().Body("{rejected}"),
          Updated("d").At(1).Embeds(Embedded("e").State("E")).State("D")});
  const std::vector<DeliveryRecord> all = LedgerAll();
  EXPECT_THAT(NumbersOf(all), ElementsAre(7, 6, 5, 4, 3, 2, 1));
  const Outcome expected[] = {{Verdict::kApplied, 3, 7},   {Verdict::kRejected, 0, 6},
                              {Verdict::kParked, 0, 5},    {Verdict::kSuperseded, 1, 4},
                              {Verdict::kDuplicate, 1, 3}, {Verdict::kUnchanged, 1, 2},
                              {Verdict::kApplied, 1, 1}};
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_THAT(all[i].outcome, Is(expected[i].verdict, expected[i].revision)) << i;
    EXPECT_EQ(all[i].in_history, expected[i].verdict == Verdict::kApplied) << i;
    EXPECT_EQ(all[i].owner_id, "acme");
    const DeliveryRecord one = RecordOf(all[i].outcome.delivery);
    EXPECT_EQ(one.outcome.verdict, all[i].outcome.verdict);
    EXPECT_EQ(one.received_us, all[i].received_us);
  }
  EXPECT_EQ(RecordOf(1).idempotency_key, "k1");
  EXPECT_EQ(RecordOf(1).version, (Version{kStart + 10, Rank::kCreated, 1}));
  EXPECT_EQ(RecordOf(4).body, "{old}");
  EXPECT_EQ(RecordOf(5).body, "{parked}");
  EXPECT_EQ(RecordOf(6).body, "{rejected}");
  EXPECT_FALSE(store_->GetDelivery(8)->has_value());
  EXPECT_FALSE(store_->GetDelivery(0)->has_value());
}

TEST_P(StoreConformance, TheLedgerIsReadInPagesInBothDirectionsAndThroughAFilter) {
  std::vector<int64_t> numbers;
  for (int i = 0; i < 40; ++i) {
    Say word = Updated(absl::StrCat(i % 5)).At(i).State(absl::StrCat(i));
    if (i % 3 == 0) word.Parked();
    if (i % 7 == 0) word.Warned(1).Body("{}");
    numbers.push_back(CommitOne(word).delivery);
  }
  for (const int size : {1, 2, 7, 100}) {
    DeliveryQuery query;
    query.max_deliveries = size;
    query.oldest_first = true;
    EXPECT_EQ(NumbersOf(LedgerAll(query)), numbers);
    query.until = 20;
    EXPECT_EQ(LedgerAll(query).size(), 20u);
    query.until.reset();
    query.oldest_first = false;
    EXPECT_EQ(NumbersOf(LedgerAll(query)), std::vector<int64_t>(numbers.rbegin(), numbers.rend()));
    query.filter = std::make_shared<OfVerdict>(Verdict::kParked);
    EXPECT_EQ(LedgerAll(query).size(), 14u);
  }
}

TEST_P(StoreConformance, TheLedgerKeepsTheBodiesThatItIsToldToKeep) {
  const auto kept = [&](LedgerBodies which) {
    EngineOptions options;
    options.ledger_bodies = which;
    Reopen(options);
    const int64_t last = LedgerAll().empty() ? 0 : LedgerAll()[0].outcome.delivery;
    Commit({Updated("a").At(10 + last).State(absl::StrCat(last)).Body("{plain}"),
            Updated("a").At(11 + last).State(absl::StrCat("w", last)).Warned(2).Body("{warned}"),
            Updated("a").At(5).State("old").Body("{superseded}"),
            Updated("p").Parked().Body("{parked}")});
    std::vector<std::string> bodies;
    for (int64_t i = 1; i <= 4; ++i) {
      const DeliveryRecord record = RecordOf(last + i);
      EXPECT_EQ(record.has_body, !record.body.empty());
      bodies.push_back(record.body);
      if (i == 2) {
        EXPECT_EQ(record.warnings, 2);
        EXPECT_EQ(record.body_bytes, 8);
        EXPECT_TRUE(record.in_history);
      }
    }
    return bodies;
  };
  EXPECT_THAT(kept(LedgerBodies::kProblems),
              ElementsAre("", "{warned}", "{superseded}", "{parked}"));
  EXPECT_THAT(kept(LedgerBodies::kAll),
              ElementsAre("{plain}", "{warned}", "{superseded}", "{parked}"));
  EXPECT_THAT(kept(LedgerBodies::kNone), ElementsAre("", "", "", ""));
}

TEST_P(StoreConformance, BodiesBeyondTheirBoundGoOldestAcceptedFirstAndParkedLast) {
  EngineOptions options;
  options.ledger_bytes_max = 10'000;
  Reopen(options);
  Commit({Updated("p").Parked().Body(Noise(3000, 1)), Updated("r").Rejected().Body(Noise(3000, 2)),
          Updated("a").At(1).State("x").Warned(1).Body(Noise(3000, 3))});
  const auto with_body = [&] {
    std::vector<int64_t> numbers;
    for (const DeliveryRecord& record : LedgerAll()) {
      if (record.has_body) numbers.push_back(record.outcome.delivery);
    }
    return numbers;
  };
  EXPECT_THAT(with_body(), ElementsAre(3, 2, 1));
  EXPECT_EQ(RecordOf(1).body, Noise(3000, 1));
  CommitOne(Updated("p").Parked().Body(Noise(3000, 4)));
  EXPECT_THAT(with_body(), ElementsAre(4, 2, 1));
  CommitOne(Updated("p").Parked().Body(Noise(3000, 5)));
  EXPECT_THAT(with_body(), ElementsAre(5, 4, 1));
  Reopen(options);
  CommitOne(Updated("p").Parked().Body(Noise(3000, 6)));
  EXPECT_THAT(with_body(), ElementsAre(6, 5, 4));
  EXPECT_EQ(LedgerAll().size(), 6u) << "a delivery stays on record without its body";
}

TEST_P(StoreConformance, AcceptedDeliveriesLeaveTheRecordInTimeAndNoNumberIsGivenTwice) {
  EngineOptions options;
  options.idempotency_window_us = options.ledger_retention_us = kDay;
  Reopen(options);
  Commit({Updated("a").At(10).State("x"), Updated("a").At(20).State("x"),
          Updated("p").Parked().Body("{p}"), Updated("r").Rejected().Body("{r}"),
          Updated("a").At(1).State("old").Body("{old}")});
  clock_.Advance(kDay + 1'000'000);
  // One that comes has what is over removed beside it.
  CommitOne(Updated("b").At(30).State("y").ArrivedAt(kDay + 1'000'000));
  EXPECT_THAT(NumbersOf(LedgerAll()), ElementsAre(6, 4, 3, 1)) << "1 and 6 are changes in the log";
  EXPECT_FALSE(store_->GetDelivery(5)->has_value());
  EXPECT_EQ(RecordOf(3).body, "{p}");
  TRIBUTARY_ASSERT_OK(store_->PurgeDeliveries(std::vector<int64_t>{3, 4}));
  Reopen(options);
  EXPECT_EQ(CommitOne(Updated("c").At(1).State("z")).delivery, 7);
}

TEST_P(StoreConformance, APurgeTakesDeliveriesOffTheRecordAndNothingElse) {
  Commit({Updated("a").At(10).State("x"), Updated("b").At(10).State("y").Warned(1).Body("{warned}"),
          Updated("p").Parked().Body("{p}"), Updated("r").Rejected().Body("{r}")});
  const auto purged = store_->PurgeDeliveries(std::vector<int64_t>{1, 2, 3, 4, 99});
  TRIBUTARY_ASSERT_OK(purged);
  EXPECT_THAT(NumbersOf(LedgerAll()), ElementsAre(2, 1)) << "they are changes in the log";
  EXPECT_EQ(*purged, 3) << "the body of 2, and 3 and 4";
  EXPECT_FALSE(RecordOf(2).has_body);
  EXPECT_EQ(StateOf("a"), "x");
  EXPECT_EQ(StateOf("b"), "y");
  Reopen();
  EXPECT_EQ(CommitOne(Updated("p").Parked()).delivery, 5) << "no number is given twice";
}

TEST_P(StoreConformance, ARehearsalSaysWhatWouldBeAndLeavesNothing) {
  CommitOne(Updated("a").At(10).State("x"));
  const std::vector<Delivery> batch = {Updated("a").At(20).State("y"),
                                       Updated("a").At(5).State("o"),
                                       Updated("n").At(1).State("new"), Updated("p").Parked()};
  const auto outcomes = store_->Rehearse(batch);
  TRIBUTARY_ASSERT_OK(outcomes);
  EXPECT_THAT(*outcomes, ElementsAre(Is(Verdict::kApplied, 2), Is(Verdict::kSuperseded, 2),
                                     Is(Verdict::kApplied, 3), Is(Verdict::kParked, 0)));
  EXPECT_EQ(HeadRevision(), 1);
  EXPECT_EQ(LedgerAll().size(), 1u);
  EXPECT_EQ(StateOf("n"), "(absent)");
  const Committed committed = CommitAll(batch);
  EXPECT_THAT(committed.outcomes[0], Is(Verdict::kApplied, 2)) << "not a duplicate of a rehearsal";
  EXPECT_EQ(committed.outcomes[0].delivery, 2);
}

}  // namespace tributary::testing
