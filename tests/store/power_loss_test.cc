// The power goes in the middle of a write: the page is torn, and of what no fsync covered any part
// may be there or not.

#include "tests/store/faulty_store.h"

namespace tributary::testing {
namespace {

using PowerLoss = FaultyStoreTest;

constexpr int kDeliveries = 40;

TEST_F(PowerLoss, AtAnyWriteTakesNothingThatWasAcknowledged) {
  int torn = 0;
  for (int nth = 1;; nth = NextOf(nth)) {
    SCOPED_TRACE(absl::StrCat("write ", nth));
    BeginAnew();
    Open();
    FaultyDisk::Mend();
    FaultyDisk::LosePower(nth);
    int sent = 0;
    while (sent < kDeliveries && Send(sent)) ++sent;
    const bool reached = FaultyDisk::struck();
    torn += reached ? 1 : 0;
    FaultyDisk::LosePower();
    Close();
    FaultyDisk::RestorePower(static_cast<unsigned>(nth));
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(store_, TryOpen());
    // The one that was under way is there whole or not at all.
    published_ = store_->GetHead()->revision;
    EXPECT_THAT(published_, ::testing::AnyOf(sent, sent + 1));
    ExpectShown(static_cast<int>(published_));
    for (int n = sent; n < sent + 10; ++n) EXPECT_TRUE(Send(n));
    ExpectStored(sent + 10);
    if (!reached || HasFailure()) break;
  }
  EXPECT_GT(torn, 20);
}

TEST_F(PowerLoss, AtAnyWriteOfAStartTakesNothingThatWasAcknowledged) {
  int torn = 0;
  for (int nth = 1;; nth = NextOf(nth)) {
    SCOPED_TRACE(absl::StrCat("write ", nth));
    BeginAnew();
    LeaveLogOf(kDeliveries);
    FaultyDisk::LosePower(nth);
    if (auto store = TryOpen(); store.ok()) store_ = *std::move(store);
    const bool reached = FaultyDisk::struck();
    torn += reached ? 1 : 0;
    FaultyDisk::LosePower();
    Close();
    FaultyDisk::RestorePower(static_cast<unsigned>(nth));
    ExpectStored(kDeliveries);
    Open();
    EXPECT_TRUE(Send(kDeliveries));
    ExpectStored(kDeliveries + 1);
    if (!reached || HasFailure()) break;
  }
  EXPECT_GT(torn, 5);
}

TEST_F(PowerLoss, WhileTheFileIsMadeLeavesOneThatCanBeMade) {
  int torn = 0;
  for (int nth = 1;; nth = NextOf(nth)) {
    SCOPED_TRACE(absl::StrCat("write ", nth));
    BeginAnew();
    FaultyDisk::LosePower(nth);
    if (auto store = TryOpen(); store.ok()) store_ = *std::move(store);
    const bool reached = FaultyDisk::struck();
    torn += reached ? 1 : 0;
    FaultyDisk::LosePower();
    Close();
    FaultyDisk::RestorePower(static_cast<unsigned>(nth));
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(store_, TryOpen());
    EXPECT_TRUE(Send(0));
    ExpectStored(1);
    if (!reached || HasFailure()) break;
  }
  EXPECT_GT(torn, 5);
}

}  // namespace
}  // namespace tributary::testing
