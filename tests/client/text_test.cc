#include "client/command/text.h"

#include "gtest/gtest.h"

namespace tributary::command {
namespace {

TEST(Text, IsHarmlessToATerminal) {
  EXPECT_EQ(OneLine("a\nb\tc"), "a b c");
  EXPECT_EQ(OneLine("\x1B[31mred"), "\uFFFD[31mred");
  EXPECT_EQ(OneLine("a\u0085b\u202Ec"), "a\uFFFDb\uFFFDc");
  EXPECT_EQ(OneLine("\xFF\xC3"), "\uFFFD\uFFFD");
  EXPECT_EQ(OneLine("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // half of a pair
  EXPECT_EQ(OneLine("Inès – 東京 👋"), "Inès – 東京 👋");
}

TEST(Text, HasTheWidthThatATerminalGivesIt) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("Inès"), 4u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
  EXPECT_EQ(DisplayWidth("東京"), 4u);
  EXPECT_EQ(DisplayWidth("👋"), 2u);
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(CutToWidth("opportunity", 11), "opportunity");
  EXPECT_EQ(CutToWidth("opportunity", 4), "opp…");
  EXPECT_EQ(CutToWidth("東京都", 4), "東…");
  EXPECT_EQ(CutToWidth("東京都", 5), "東京…");
  EXPECT_EQ(CutToWidth("abc", 1), "…");
  EXPECT_EQ(CutToWidth("abc", 0), "");
}

TEST(Text, InQuotesEndsWhereItEnds) {
  EXPECT_EQ(Quoted("Deal, \"big\"\n\\", 80), R"("Deal, \"big\" \\")");
  EXPECT_EQ(Quoted("abcdef", 4), "\"abc…\"");
  EXPECT_EQ(Quoted("", 4), "\"\"");
}

}  // namespace
}  // namespace tributary::command
