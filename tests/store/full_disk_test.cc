// A disk without room: what can't be written is refused and changes nothing, reads go on, and once
// there is room everything goes on by itself.

#include "tests/store/faulty_store.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using FullDisk = FaultyStoreTest;

constexpr int kDeliveries = 40;

// In commits, late work, checkpoints, compaction and the upkeep of the ledger: they are all in
// the way of the write that is the first to find no room.
TEST_F(FullDisk, WhereverItStrikesNothingIsLostOrDoubledAndItGoesOnByItself) {
  int refused = 0;
  for (int nth = 1;; nth = NextOf(nth)) {
    SCOPED_TRACE(absl::StrCat("no room from write ", nth, " on"));
    BeginAnew();
    Open();
    FaultyDisk::Mend();
    FaultyDisk::FillUp(nth % 3 * 1000, nth);
    for (int n = 0; n < kDeliveries; ++n) {
      if (Send(n)) continue;
      ++refused;
      ExpectShown(n);
      const bool found_room = Send(n);  // where a checkpoint has let the log start over
      ExpectShown(found_room ? n + 1 : n);
      FaultyDisk::MakeRoom();
      EXPECT_TRUE(found_room || Send(n)) << "the first attempt after there is room";
    }
    const bool reached = FaultyDisk::writes() >= nth;
    FaultyDisk::MakeRoom();
    ExpectShown(kDeliveries);
    ExpectStored(kDeliveries);
    EXPECT_EQ(reopened(), 0) << "a full disk is no reason to";
    if (!reached || HasFailure()) break;
  }
  EXPECT_GT(refused, 20);
}

TEST_F(FullDisk, WhileItIsFullManyTriesChangeNothing) {
  options_.checkpoint_bytes = int64_t{1} << 30;  // or the log could start over, and have room
  Open();
  for (int n = 0; n < 10; ++n) ASSERT_TRUE(Send(n));
  FaultyDisk::FillUp();
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(Send(10));
  ExpectShown(10);
  FaultyDisk::MakeRoom();
  for (int n = 10; n < 30; ++n) EXPECT_TRUE(Send(n));
  ExpectStored(30);
}

TEST_F(FullDisk, AtAStartReadsAreServedOrTheReasonIsSaid) {
  int started = 0;
  int refused = 0;
  for (int nth = 1;; nth = NextOf(nth)) {
    SCOPED_TRACE(absl::StrCat("no room from write ", nth, " on"));
    BeginAnew();
    LeaveLogOf(kDeliveries);
    FaultyDisk::FillUp(0, nth);
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    const bool reached = FaultyDisk::writes() >= nth;
    if (store.ok()) {
      store_ = *std::move(store);
      ++started;
      ExpectShown(kDeliveries);
      (void)Send(kDeliveries);
      FaultyDisk::MakeRoom();
    } else {
      ++refused;
      EXPECT_THAT(store, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the disk is full")));
      FaultyDisk::MakeRoom();
      Open();
    }
    published_ = store_->GetHead()->revision;
    EXPECT_TRUE(Send(kDeliveries)) << "the first attempt after there is room";
    ExpectShown(kDeliveries + 1);
    ExpectStored(kDeliveries + 1);
    if (!reached || HasFailure()) break;
  }
  EXPECT_GT(started, 0);
  RecordProperty("refused", refused);
}

TEST_F(FullDisk, ANewFileThatFindsNoRoomIsMadeOnceThereIsSome) {
  for (int nth = 1;; nth = NextOf(nth)) {
    SCOPED_TRACE(nth);
    BeginAnew();
    FaultyDisk::FillUp(0, nth);
    absl::StatusOr<std::unique_ptr<Store>> store = TryOpen();
    const bool reached = FaultyDisk::writes() >= nth;
    FaultyDisk::MakeRoom();
    if (!store.ok()) {
      EXPECT_THAT(store, StatusIs(absl::StatusCode::kUnavailable));
      store = TryOpen();
    }
    TRIBUTARY_ASSERT_OK(store);
    store_ = *std::move(store);
    EXPECT_TRUE(Send(0));
    ExpectStored(1);
    if (!reached) break;
  }
}

TEST_F(FullDisk, ThatIsSaidInWordsWithoutSqlOrPaths) {
  Open();
  ASSERT_TRUE(Send(0));
  FaultyDisk::FillUp();
  const std::vector<Delivery> large = {Updated("a").State(std::string(300'000, 'x'))};
  EXPECT_THAT(store_->Commit(large),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("the disk is full"), Not(HasSubstr("COMMIT")),
                             Not(HasSubstr(dir_.path())))));
}

}  // namespace
}  // namespace tributary::testing
