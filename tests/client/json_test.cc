#include "client/command/json.h"

#include <string>

#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace tributary::command {
namespace {

std::string Reprinted(const std::string& json, Layout layout = Layout::kOneLine) {
  google::protobuf::Value value;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &value).ok()) << json;
  JsonWriter writer(layout);
  writer.Value(value);
  return writer.Take();
}

TEST(Json, IsWrittenAsItWasRead) {
  for (const char* json :
       {"null", "true", "\"\"", "12", "-0.5", "[]", "{}", R"([1,[2,{}],{"a":null}])",
        R"({"a":[{"b":"c"}],"d":18499.9})", R"("Inès \"quoted\" \\ \n\t")"}) {
    EXPECT_EQ(Reprinted(json), json);
  }
}

TEST(Json, EscapesWhatJsonOrATerminalMustNotSee) {
  JsonWriter writer(Layout::kOneLine);
  writer.String(std::string("\0\x1B\x7F", 3));
  EXPECT_EQ(writer.Take(), R"("\u0000\u001b\u007f")");
}

TEST(Json, NumbersLookAsInJavaScript) {
  EXPECT_EQ(NumberText(0), "0");
  EXPECT_EQ(NumberText(-0.0), "0");
  EXPECT_EQ(NumberText(1'000'000), "1000000");
  EXPECT_EQ(NumberText(18499.9), "18499.9");
  EXPECT_EQ(NumberText(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(NumberText(9007199254740991), "9007199254740991");
  EXPECT_EQ(NumberText(1e21), "1e+21");
  EXPECT_EQ(NumberText(5e-324), "5e-324");
  EXPECT_EQ(NumberText(1.7976931348623157e308), "1.7976931348623157e+308");
}

TEST(Json, IsIndentedOnDemand) {
  EXPECT_EQ(Reprinted(R"({"a":[1,{}],"b":[]})", Layout::kIndented),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

TEST(Json, MembersComeInOneOrder) {
  EXPECT_EQ(Reprinted(R"({"z":1,"a":2,"m":3})"), R"({"a":2,"m":3,"z":1})");
}

}  // namespace
}  // namespace tributary::command
