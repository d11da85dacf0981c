// A clock that jumps. Time of receipt never goes back, and what hangs on time waits or is early by
// as much as the clock is wrong; order, states and numbers do not hang on it.

#include "absl/strings/str_cat.h"
#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

constexpr int64_t kHour = 3600LL * 1'000'000;
constexpr int64_t kDay = 24 * kHour;

class ClockJumps : public SqliteStoreTest {
 protected:
  // A delivery that arrives now; its place on record.
  DeliveryRecord Receive(const Say& say) {
    Delivery delivery = say;
    delivery.arrived_us = clock_.NowMicros();
    const Committed committed = Commit({delivery});
    const auto record = store_->GetDelivery(committed.outcomes.at(0).delivery);
    TRIBUTARY_EXPECT_OK(record);
    return record.ok() && record->has_value() ? **record : DeliveryRecord();
  }
};

TEST_F(ClockJumps, TimeOfReceiptNeverGoesBackAlsoAcrossARestart) {
  options_.history_retention_us = 0;
  Open();
  int64_t last_us = 0;
  int n = 0;
  for (const int64_t jump : {int64_t{0}, -kHour, kHour, 365 * kDay, -400 * kDay, 5 * kDay}) {
    clock_.Advance(jump);
    for (int life = 0; life < 2; ++life) {
      for (const Say& say : {Updated("a").State(absl::StrCat("s", n)), Updated("b").Parked()}) {
        const DeliveryRecord record = Receive(say);
        EXPECT_GT(record.received_us, last_us) << "jump of " << jump;
        EXPECT_EQ(record.outcome.delivery, ++n);
        last_us = record.received_us;
      }
      Open();
    }
  }
  std::vector<ChangePtr> changes = store_->Changes({})->changes;
  ASSERT_EQ(changes.size(), 12u);
  for (size_t i = 1; i < changes.size(); ++i) {
    EXPECT_GT(changes[i]->received_us, changes[i - 1]->received_us);
    EXPECT_GE(changes[i]->committed_us, changes[i - 1]->committed_us);
  }
}

TEST_F(ClockJumps, BackDecidesNothingBetweenVersions) {
  Open();
  Receive(Updated("a").At(10).State("first"));
  Receive(Updated("no time of its own").State("first"));
  clock_.Advance(-30 * kDay);
  Open();
  EXPECT_EQ(Receive(Updated("a").At(9).State("older")).outcome.verdict, Verdict::kSuperseded);
  EXPECT_EQ(Receive(Updated("a").At(11).State("newer")).outcome.verdict, Verdict::kApplied);
  EXPECT_EQ(Receive(Updated("no time of its own").State("second")).outcome.verdict,
            Verdict::kApplied);
  EXPECT_EQ(StateOf("a"), "newer");
  EXPECT_EQ(StateOf("no time of its own"), "second");
}

TEST_F(ClockJumps, BackKeepsHistoryAndTheMemoryOfDuplicatesForLonger) {
  options_.late_changes_max = 2;
  Open();
  const Say once = Updated("a").At(1).State("x").WithKey("once");
  Receive(once);
  Receive(Updated("a").At(2).State("y"));
  clock_.Advance(-30 * kDay);
  for (int i = 0; i < 50; ++i) Receive(Updated("b").At(i).State(absl::StrCat("s", i)));
  EXPECT_EQ(store_->GetHead()->oldest_revision, 0);
  const Committed again = Commit({once});
  EXPECT_EQ(again.outcomes[0].verdict, Verdict::kDuplicate);
  EXPECT_EQ(again.outcomes[0].revision, 1);
}

// For a moment everything is old, and what only a time protects goes. States stay, and so does all
// that came before and after.
TEST_F(ClockJumps, FarForwardAndBackLosesNoStateAndNoNumber) {
  options_.late_changes_max = 2;
  Open();
  for (int i = 0; i < 20; ++i) {
    Receive(Updated(absl::StrCat("id", i % 5)).At(i).State(absl::StrCat("s", i)));
  }
  Receive(Deleted("id0").At(100));
  clock_.Advance(10 * 365 * kDay);
  for (int i = 0; i < 200 && store_->GetHead()->oldest_revision < 21; ++i) {
    Receive(Updated("in that moment").At(i).State(absl::StrCat(i)));
  }
  EXPECT_GE(store_->GetHead()->oldest_revision, 21);
  const Revision before = store_->GetHead()->revision;
  clock_.Advance(-10 * 365 * kDay);
  for (int life = 0; life < 2; ++life) {
    for (int i = 1; i < 5; ++i) {
      EXPECT_EQ(StateOf(absl::StrCat("id", i)), absl::StrCat("s", 15 + i));
    }
    Open();
  }
  EXPECT_EQ(Receive(Updated("id1").At(3).State("older")).outcome.verdict, Verdict::kSuperseded);
  const DeliveryRecord next = Receive(Updated("id1").At(1000).State("newer"));
  EXPECT_EQ(next.outcome.verdict, Verdict::kApplied);
  EXPECT_EQ(next.outcome.revision, before + 1);
  EXPECT_EQ(StateOf("id1"), "newer");
  ChangeQuery query;
  query.after = before;
  EXPECT_EQ(store_->Changes(query)->changes.size(), 1u);
}

}  // namespace
}  // namespace tributary::testing
