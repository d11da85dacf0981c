#include "client/command/arguments.h"

#include "absl/time/time.h"
#include "client/command/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary::command {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<Flag> kFlags = {
    {.name = "page_size", .value = "N", .help = "", .fallback = "100"},
    {.name = "owner", .value = "ID", .help = "", .letter = 'O'},
    {.name = "stop_at_head", .help = ""},
    {.name = "model", .value = "MODEL", .repeats = true}};

absl::StatusOr<Arguments> Parse(const std::vector<std::string>& line) {
  return Arguments::Parse(line, kFlags, [](const std::string& variable) {
    return variable == "TRIBUTARY_OWNER" ? std::optional<std::string>("from the environment")
                                         : std::nullopt;
  });
}

std::string Complaint(const std::vector<std::string>& line) {
  const absl::StatusOr<Arguments> arguments = Parse(line);
  EXPECT_EQ(ExitCodeOf(arguments.status()), kExitUsage);
  return std::string(arguments.status().message());
}

TEST(Arguments, TakeFlagsAnywhereAndInEitherSpelling) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"--page_size=7", "list", "calls"},
        {"list", "--page-size", "7", "calls"},
        {"list", "calls", "--page-size=7"}}) {
    const absl::StatusOr<Arguments> arguments = Parse(line);
    ASSERT_TRUE(arguments.ok()) << arguments.status();
    EXPECT_THAT(arguments->words(), ElementsAre("list", "calls"));
    EXPECT_EQ(arguments->Value<int>("page_size").value(), 7);
  }
}

TEST(Arguments, TakeWhatIsGivenBeforeTheEnvironmentAndThatBeforeTheFallback) {
  EXPECT_EQ(Parse({})->Text("page_size"), "100");
  EXPECT_EQ(Parse({})->Text("owner"), "from the environment");
  EXPECT_EQ(Parse({"--owner="})->Text("owner"), "");
  EXPECT_EQ(Parse({"-O", "acme"})->Text("owner"), "acme");
  EXPECT_EQ(Parse({"-Oacme"})->Text("owner"), "acme");
}

TEST(Arguments, TakeAFlagOnceOrAsOftenAsItIsGiven) {
  EXPECT_EQ(Parse({"--owner=a", "--owner=b"})->Text("owner"), "b");
  EXPECT_EQ(Parse({"--model=a", "--model", "b,c"})->Text("model"), "a,b,c");
}

TEST(Arguments, TakeSwitchesWithAndWithoutAValue) {
  EXPECT_FALSE(Parse({})->IsOn("stop_at_head"));
  EXPECT_TRUE(Parse({"--stop-at-head", "word"})->IsOn("stop_at_head"));
  EXPECT_FALSE(Parse({"--stop_at_head=false"})->IsOn("stop_at_head"));
  EXPECT_THAT(Complaint({"--stop_at_head=perhaps"}), HasSubstr("wants true or false"));
}

TEST(Arguments, TakeAnythingAfterTwoDashesAsAWord) {
  EXPECT_THAT(Parse({"get", "--", "--owner", "-1"})->words(), ElementsAre("get", "--owner", "-1"));
  EXPECT_THAT(Parse({"send", "-"})->words(), ElementsAre("send", "-"));
}

TEST(Arguments, SayWhatIsWrong) {
  EXPECT_THAT(Complaint({"--pagesize=7"}),
              HasSubstr("unknown flag --pagesize (did you mean --page_size?)"));
  EXPECT_THAT(Complaint({"--zzz"}), "unknown flag --zzz");
  EXPECT_THAT(Complaint({"-7"}), HasSubstr("comes after --"));
  EXPECT_THAT(Complaint({"--owner"}), HasSubstr("--owner needs a value"));
  const auto number = Parse({"--page_size=many"})->Value<int>("page_size");
  EXPECT_EQ(number.status().message(), "--page_size=many: wants a number");
  EXPECT_EQ(ExitCodeOf(number.status()), kExitUsage);
}

TEST(Arguments, RefuseFlagsOfAnotherVerb) {
  EXPECT_EQ(ExitCodeOf(Parse({"--page_size=7"})->CheckFlags({kFlags[1]}, "get")), kExitUsage);
  EXPECT_TRUE(Parse({"--owner=acme"})->CheckFlags({kFlags[1]}, "get").ok());
}

}  // namespace
}  // namespace tributary::command
