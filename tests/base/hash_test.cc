#include "server/base/hash.h"

#include <string>

#include "gtest/gtest.h"

namespace tributary {
namespace {

TEST(Crc32c, IsTheCastagnoliChecksum) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
}

TEST(Crc32c, ContinuesWhereItStopped) {
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), Crc32c("123456789"));
}

TEST(Hasher, TellsPiecesApart) {
  const auto of = [](std::string_view a, std::string_view b) {
    return Hasher().Add(a).Add(b).Finish();
  };
  EXPECT_EQ(of("ab", "c"), of("ab", "c"));
  EXPECT_NE(of("ab", "c"), of("a", "bc"));
  EXPECT_NE(of("", "abc"), of("abc", ""));
  EXPECT_NE(Hasher().Finish(), Hasher().Add("").Finish());
}

}  // namespace
}  // namespace tributary
