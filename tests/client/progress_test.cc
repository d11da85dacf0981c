#include "client/command/progress.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/command_fixture.h"

namespace tributary::command {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

ProgressState Half() { return {"import", "lines", 1200, 500, 1000, absl::Seconds(4)}; }

TEST(ProgressText, HasABarThatTakesWhatTheWordsLeave) {
  EXPECT_EQ(ProgressText(Half(), 60),
            "import  [#######       ]   50%  1200 lines  300/s  0:04 left");
  EXPECT_EQ(ProgressText(Half(), 50), "import   50%  1200 lines  300/s  0:04 left");
  EXPECT_EQ(ProgressText(Half(), 30), "import   50%  1200 lines  300/");
  EXPECT_EQ(ProgressText(Half(), std::nullopt), "import   50%  1200 lines  300/s  0:04 left");
}

TEST(ProgressText, WithoutATotalOnlyCounts) {
  ProgressState state = Half();
  state.total = 0;
  EXPECT_EQ(ProgressText(state, 80), "import  1200 lines  300/s");
  state.elapsed = absl::ZeroDuration();
  EXPECT_EQ(ProgressText(state, 80), "import  1200 lines");
}

TEST(ProgressText, OfALongRunShowsHours) {
  ProgressState state = Half();
  state.elapsed = absl::Hours(2);
  EXPECT_THAT(ProgressText(state, std::nullopt), HasSubstr("2:00:00 left"));
}

TEST(Progress, ElsewhereThanOnATerminalIsALineNowAndThen) {
  TemporaryFile file;
  Output err(file.fd());
  absl::Time now = absl::UnixEpoch();
  Progress progress(err, "import", "lines", 0, [&] { return now; });
  progress.Update(1, 0);
  EXPECT_THAT(file.Text(), IsEmpty());
  now += absl::Seconds(10);
  progress.Update(20, 0);
  progress.Update(21, 0);
  EXPECT_EQ(file.Text(), "import  20 lines  2/s\n");
  progress.Say("line 7: BROKEN");
  progress.Wipe();
  EXPECT_EQ(file.Text(), "import  20 lines  2/s\nline 7: BROKEN\n");
}

}  // namespace
}  // namespace tributary::command
