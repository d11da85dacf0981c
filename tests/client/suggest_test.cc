#include "client/command/suggest.h"

#include "gtest/gtest.h"

namespace tributary::command {
namespace {

TEST(Suggest, FindsWhatWasMeant) {
  const std::vector<std::string> known = {"get", "list", "watch", "send", "status"};
  EXPECT_EQ(Nearest("wach", known), "watch");
  EXPECT_EQ(Nearest("lsit", known), "list");
  EXPECT_EQ(Nearest("stats", known), "status");
  EXPECT_EQ(DidYouMean("sned", known), " (did you mean send?)");
}

TEST(Suggest, StaysSilentWhenNothingIsNear) {
  const std::vector<std::string> known = {"get", "list", "watch"};
  EXPECT_EQ(Nearest("subscribe", known), "");
  EXPECT_EQ(DidYouMean("x", {}), "");
}

}  // namespace
}  // namespace tributary::command
