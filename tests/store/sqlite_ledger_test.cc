// What the ledger of a store in a file counts of itself, through rollbacks and restarts.

#include <memory>
#include <vector>

#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

class SqliteLedgerCounts : public SqliteStoreTest {
 protected:
  // As another process would.
  void Restart() {
    Close();
    options_.metrics = std::make_shared<SqliteMetrics>();
    Open();
  }
  const SqliteMetrics& metrics() const { return *options_.metrics; }

  Delivery Again(const Say& word, int64_t number) {
    const auto record = store_->GetDelivery(number);
    TRIBUTARY_EXPECT_OK(record);
    return Replayed(word, **record);
  }
};

TEST_F(SqliteLedgerCounts, CountsWhatStaysOnRecordUntilItIsPurgedOrAccepted) {
  Open();
  Commit({Updated("p").Parked(), Updated("q").Parked(), Updated("r").Rejected(),
          Updated("a").At(1).State("x"), Updated("a").At(1).State("x")});
  EXPECT_EQ(metrics().parked.value(), 2);
  EXPECT_EQ(metrics().rejected.value(), 1);
  TRIBUTARY_ASSERT_OK(
      store_->Rehearse(std::vector<Delivery>{Updated("s").Parked(), Again(Updated("p").At(2), 1)}));
  EXPECT_EQ(metrics().parked.value(), 2) << "a rehearsal leaves nothing";
  Commit({Again(Updated("p").At(2).State("y"), 1)});
  EXPECT_EQ(metrics().parked.value(), 1) << "one was accepted";
  Restart();
  EXPECT_EQ(metrics().parked.value(), 1);
  EXPECT_EQ(metrics().rejected.value(), 1);
  TRIBUTARY_ASSERT_OK(store_->PurgeDeliveries(std::vector<int64_t>{2, 3, 4, 99}));
  EXPECT_EQ(metrics().parked.value(), 0);
  EXPECT_EQ(metrics().rejected.value(), 0);
  Restart();
  EXPECT_EQ(metrics().parked.value(), 0);
}

TEST_F(SqliteLedgerCounts, CountsTheBodiesThatHadNoRoomAndWhatTheOthersTake) {
  options_.ledger_bytes_max = 10'000;
  Open();
  Commit({Updated("p").Parked().Body(Noise(3000, 1)), Updated("r").Rejected().Body(Noise(3000, 2)),
          Updated("a").At(1).State("x").Warned(1).Body(Noise(3000, 3))});
  EXPECT_EQ(metrics().body_bytes.value(), 9000);
  for (uint32_t i = 4; i < 8; ++i) Commit({Updated("p").Parked().Body(Noise(3000, i))});
  EXPECT_EQ(metrics().bodies_dropped[0].value(), 1u) << "of accepted ones";
  EXPECT_EQ(metrics().bodies_dropped[1].value(), 1u) << "of rejected ones";
  EXPECT_EQ(metrics().bodies_dropped[2].value(), 2u) << "of parked ones";
  EXPECT_EQ(metrics().body_bytes.value(), 9000);
  EXPECT_EQ(metrics().parked.value(), 5) << "they stay on record";
  Restart();
  EXPECT_EQ(metrics().body_bytes.value(), 9000);
  EXPECT_EQ(metrics().bodies_dropped[2].value(), 0u);
}

}  // namespace
}  // namespace tributary::testing
