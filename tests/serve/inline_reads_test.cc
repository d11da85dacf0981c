#include "server/serve/inline_reads.h"

#include "gtest/gtest.h"

namespace tributary {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = InlineReads::Clock::time_point;

const Time kStart{seconds(1'000)};

void Read(InlineReads& reads, Time begin, InlineReads::Clock::duration took) {
  ASSERT_TRUE(reads.Enter(begin));
  reads.Leave(begin, begin + took);
}

TEST(InlineReads, OnlyAFewThreadsReadAtOnce) {
  InlineReads reads;
  for (int i = 0; i < InlineReads::kReadsMax; ++i) EXPECT_TRUE(reads.Enter(kStart));
  EXPECT_FALSE(reads.Enter(kStart));
  reads.Leave(kStart, kStart);
  EXPECT_TRUE(reads.Enter(kStart));
}

TEST(InlineReads, GoOnWhileTheyAreFastAndAThreadIsPreemptedNowAndThen) {
  InlineReads reads;
  for (int i = 0; i < 1'000; ++i) {
    Read(reads, kStart, i % 100 == 0 ? microseconds(4'000) : microseconds(8));
  }
  EXPECT_TRUE(reads.Enter(kStart));
}

TEST(InlineReads, PauseWhenTheDiskHasBecomeSlow) {
  InlineReads reads;
  int taken = 0;
  while (reads.Enter(kStart)) {
    reads.Leave(kStart, kStart + milliseconds(5));
    ASSERT_LT(++taken, 10);
  }
  EXPECT_FALSE(reads.Enter(kStart + InlineReads::kPauseMin));
  EXPECT_TRUE(reads.Enter(kStart + milliseconds(5) + InlineReads::kPauseMin));
}

TEST(InlineReads, PauseInProportionToTheReadThatHung) {
  InlineReads reads;
  Read(reads, kStart, seconds(1));
  EXPECT_FALSE(reads.Enter(kStart + seconds(InlineReads::kPauseFactor)));
  EXPECT_TRUE(reads.Enter(kStart + seconds(InlineReads::kPauseFactor + 1)));
}

TEST(InlineReads, ATurnEndsWithItsScope) {
  InlineReads reads;
  {
    const InlineRead first(reads);
    const InlineRead second(reads);
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(InlineRead(reads));
  }
  EXPECT_TRUE(InlineRead(reads));
}

}  // namespace
}  // namespace tributary
