#include "server/model/json_body.h"

#include <string>

#include "gtest/gtest.h"
#include "server/model/json_syntax.h"

namespace tributary {
namespace {

// What is left of `json` after a parse, as compact JSON.
std::string Reprinted(std::string json) {
  JsonBody body;
  return body.Parse(json) ? body.root().Text(1 << 20) : "refused: " + body.error().reason;
}

TEST(JsonBody, ReadsWhatJavaScriptReads) {
  EXPECT_EQ(Reprinted("\xEF\xBB\xBF [1]"), "[1]");
  EXPECT_EQ(
      Reprinted(
          R"(["\ud83d\ude00","\ud83d","\ude00","\ude00\ud83d","\ud83d\ud83d\ude00","\ud83dx"])"),
      "[\"😀\",\"\uFFFD\",\"\uFFFD\",\"\uFFFD\uFFFD\",\"\uFFFD😀\",\"\uFFFDx\"]");
  EXPECT_EQ(Reprinted(R"({"\udc00":1})"), "{\"\uFFFD\":1}");
  EXPECT_EQ(
      Reprinted(
          "[1e400,-1e400,123456789012345678901234,-9223372036854775809,18446744073709551616]"),
      "[1e400,-1e400,123456789012345678901234,-9223372036854775809,18446744073709551616]");
  EXPECT_EQ(Reprinted("[18446744073709551615,-9223372036854775808,1e308,1e-400,1e400]"),
            "[18446744073709551615,-9223372036854775808,1e+308,0,1e400]");
  EXPECT_EQ(Reprinted("[1" + std::string(400, '0') + ".0]"), "[1" + std::string(400, '0') + ".0]");
}

TEST(JsonBody, KeepsStringsThatLookLikeNumbersStrings) {
  EXPECT_EQ(Reprinted(R"(["1e400",1e400,"\\ud83d","\"1e400"])"),
            R"(["1e400",1e400,"\\ud83d","\"1e400"])");
}

TEST(JsonBody, RepairsNothingThatIsMalformedAsWell) {
  for (const std::string json :
       {"[1e400,01]", "[1e400,]", "[1e400", "[\"\\ud83d\",\"\\x\"]", "[1e400.5]", "[-]", "[1e400]]",
        "[+1e400]", "[1e400 1]", "[\"\\ud83d\\u12\"]"}) {
    EXPECT_TRUE(Reprinted(json).starts_with("refused")) << json;
  }
}

TEST(JsonBody, AcceptsNoHugeNumberInThePlaceOfAKey) {
  EXPECT_TRUE(Reprinted("{1e400:1}").starts_with("refused"));
  EXPECT_TRUE(Reprinted("{\"a\":1e400,1e400:1}").starts_with("refused"));
}

TEST(JsonBody, ReadsOneBodyAfterTheOtherAndKeepsNothingOfTheLast) {
  JsonBody body;
  std::string odd = R"(["\ud83d",1e400])";
  ASSERT_TRUE(body.Parse(odd));
  EXPECT_TRUE(body.lone_surrogates());
  std::string broken = "[";
  ASSERT_FALSE(body.Parse(broken));
  std::string large = "[" + std::string(500'000, ' ') + "2]";
  ASSERT_TRUE(body.Parse(large));
  EXPECT_EQ(body.root().Text(100), "[2]");
  body.Trim();
  std::string plain = R"({"a":1,"b":2,"a":3})";
  ASSERT_TRUE(body.Parse(plain));
  EXPECT_FALSE(body.lone_surrogates());
  EXPECT_EQ(body.error().reason, "");
  const auto [b, a, c] = body.root().FindEach({"b", "a", "c"});
  EXPECT_EQ(b->AsInteger(), 2);
  EXPECT_EQ(a->AsInteger(), 3);
  EXPECT_FALSE(c.has_value());
}

TEST(JsonBody, SaysWhereItStopsBeingJson) {
  const auto error = [](std::string json) {
    JsonBody body;
    EXPECT_FALSE(body.Parse(json));
    return body.error().reason + " | " + body.error().found;
  };
  EXPECT_EQ(
      error("{\"a\":tru}"),
      "the body must be JSON: a word is none of true, false and null, after 5 bytes | \"tru}\"");
  EXPECT_EQ(error("{\"a\":1"),
            "the body must be JSON: a bracket, comma or colon is missing or out of place, after 6 "
            "bytes | ");
  EXPECT_EQ(error("\xEF\xBB\xBF[01]"),
            "the body must be JSON: a number is malformed, after 4 bytes | \"01]\"");
  EXPECT_EQ(error("[\"\xFF\"]"), "the body must be JSON: it is not UTF-8, after 2 bytes | ");
  EXPECT_EQ(error(""), "the body must be JSON: it is empty | ");
}

TEST(FirstSyntaxError, IsTheFirstByteThatCannotBelongThere) {
  EXPECT_EQ(FirstSyntaxError(R"({"a":[1,-2.5e+3,"\u00e9",true,null,{}],"b":[]})"), std::nullopt);
  EXPECT_EQ(FirstSyntaxError("[1,,2]"), 3u);
  EXPECT_EQ(FirstSyntaxError("[1,]"), 3u);
  EXPECT_EQ(FirstSyntaxError("{\"a\" 1}"), 5u);
  EXPECT_EQ(FirstSyntaxError("{a:1}"), 1u);
  EXPECT_EQ(FirstSyntaxError("{\"a\":1,}"), 7u);
  EXPECT_EQ(FirstSyntaxError("[1}"), 2u);
  EXPECT_EQ(FirstSyntaxError("1 2"), 2u);
  EXPECT_EQ(FirstSyntaxError("\"a\nb\""), 2u);
  EXPECT_EQ(FirstSyntaxError("\"a\\q\""), 2u);
  EXPECT_EQ(FirstSyntaxError("\"open"), 5u);
  EXPECT_EQ(FirstSyntaxError(""), 0u);
  EXPECT_EQ(FirstSyntaxError(std::string(1'000'000, '[')), 1'000'000u);
}

TEST(DoubleText, IsWhatJavaScriptWrites) {
  EXPECT_EQ(DoubleText(0), "0");
  EXPECT_EQ(DoubleText(-0.0), "0");
  EXPECT_EQ(DoubleText(1), "1");
  EXPECT_EQ(DoubleText(-18499.9), "-18499.9");
  EXPECT_EQ(DoubleText(0.1), "0.1");
  EXPECT_EQ(DoubleText(1e20), "100000000000000000000");
  EXPECT_EQ(DoubleText(1e21), "1e+21");
  EXPECT_EQ(DoubleText(0.000001), "0.000001");
  EXPECT_EQ(DoubleText(1e-7), "1e-7");
  EXPECT_EQ(DoubleText(1.5e-10), "1.5e-10");
  EXPECT_EQ(DoubleText(1.7976931348623157e308), "1.7976931348623157e+308");
}

}  // namespace
}  // namespace tributary
