#include "server/base/strings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

TEST(Strings, UnderstandUtf8AsTheStandardHasIt) {
  for (const char* good :
       {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << testing::PrintToString(good);
  }
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE1\x80",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFE", "\xFF", "a\xC3"}) {
    EXPECT_FALSE(IsUtf8(bad)) << testing::PrintToString(bad);
  }
}

TEST(Strings, CleanTextHasNoControlCharacters) {
  EXPECT_TRUE(IsCleanUtf8("call-call.ended-1749222001}"));
  EXPECT_TRUE(IsCleanUtf8("\xC2\xA0\xF0\x9F\x98\x80"));
  for (const std::string_view bad :
       {std::string_view("\0", 1), std::string_view("\n"), std::string_view("a\x1F"),
        std::string_view("\x7F"), std::string_view("\xC2\x80"), std::string_view("\xC2\x9F"),
        std::string_view("\xFF")}) {
    EXPECT_FALSE(IsCleanUtf8(bad)) << testing::PrintToString(bad);
  }
}

TEST(Strings, ACutNeverLeavesHalfACharacter) {
  const std::string_view text = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80";  // 1, 2, 3 and 4 bytes
  const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t max = 0; max < std::size(want); ++max) {
    EXPECT_EQ(CutUtf8(text, max), text.substr(0, want[max])) << max;
  }
}

TEST(Strings, AClippedValueIsShortQuotedAndClean) {
  EXPECT_EQ(Clip("abc"), "\"abc\"");
  const std::string clipped = Clip(std::string(1000, 'x'));
  EXPECT_LE(clipped.size(), 140u);
  EXPECT_EQ(clipped.front(), '"');
  for (const std::string& nasty : {std::string("a\nb"), std::string("\0", 1),
                                   std::string("\x1B[31m"), std::string(200, '\x01')}) {
    EXPECT_TRUE(IsCleanUtf8(Clip(nasty))) << testing::PrintToString(nasty);
  }
}

TEST(Strings, ViewsCrossTheBorderBothWays) {
  EXPECT_EQ(Std(Absl("text")), "text");
  EXPECT_EQ(Absl(std::string_view()).size(), 0u);
}

}  // namespace
}  // namespace tributary
