#include "client/command/import_line.h"

#include <sstream>
#include <string>
#include <vector>

#include "client/command/json_members.h"
#include "client/command/line_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary::command {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(JsonMembers, AreThoseOfTheOutermostObjectAsTheyStand) {
  const auto members =
      JsonMembers(R"( {"a" : 1.5e400,"b":{"a":[{"x":"}]"}]}, "c\"":"\ud83d", "":null } )");
  ASSERT_TRUE(members.has_value());
  EXPECT_THAT(*members, ElementsAre(Pair("a", "1.5e400"), Pair("b", R"({"a":[{"x":"}]"}]})"),
                                    Pair(R"(c\")", R"("\ud83d")"), Pair("", "null")));
  EXPECT_TRUE(JsonMembers("{}")->empty());
}

TEST(JsonMembers, AreNoneOfWhatIsNoObject) {
  for (const char* text : {"", "  ", "[]", "1", "\"a\"", "{", "}", "{\"a\"}", "{\"a\":}",
                           "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\":1}{", "{\"a\":[}",
                           "{\"a\":[1}}", "{\"a\":\"b}", "{\"a\":1 2}", "{,}", "{\"a\":1]"}) {
    EXPECT_FALSE(JsonMembers(text).has_value()) << text;
  }
}

TEST(LineReader, GivesEachLineWithItsNumberAndItsBounds) {
  std::istringstream in("one\n\nthree is long\nlast");
  LineReader lines(in, 5);
  std::vector<std::string> seen;
  while (lines.Next()) {
    seen.push_back(std::to_string(lines.number()) + " " + lines.line() +
                   (lines.too_long() ? "..." : ""));
  }
  EXPECT_THAT(seen, ElementsAre("1 one", "2 ", "3 three...", "4 last"));
  EXPECT_EQ(lines.bytes(), 4 + 1 + 14 + 5);
}

ingest::v1::Event Read(const std::string& line) {
  const auto event = ReadImportLine(line, {"hubspot", "acme"});
  EXPECT_TRUE(event.ok()) << event.status();
  return event.value_or(ingest::v1::Event());
}

std::string WhyNot(const std::string& line) {
  return std::string(ReadImportLine(line, {"hubspot", "acme"}).status().message());
}

TEST(ImportLine, ABodyGoesAsItStands) {
  const std::string line = R"({"event":"crmStage::updated","data":{"id":"1","n":1e400}})";
  const ingest::v1::Event event = Read(line);
  EXPECT_EQ(event.body(), line);
  EXPECT_EQ(event.connector_id(), "hubspot");
  EXPECT_EQ(event.owner_id(), "acme");
  EXPECT_EQ(event.idempotency_key(), "");
}

TEST(ImportLine, ABodyMaySayWhoseItIs) {
  const ingest::v1::Event event =
      Read(R"({"connectorId":"pipedrive","ownerId":"glob\u0065x","idempotencyKey":"k","data":{}})");
  EXPECT_EQ(event.connector_id(), "pipedrive");
  EXPECT_EQ(event.owner_id(), "globex");
  EXPECT_EQ(event.idempotency_key(), "k");
  EXPECT_THAT(WhyNot(R"({"connectorId":1,"data":{}})"), HasSubstr("connectorId"));
}

TEST(ImportLine, AResourceSaysWhoseItIs) {
  const ingest::v1::Event event = Read(
      R"({"idempotencyKey":"k","trigger":"deleted","resource":{"stage":{"connectorId":"pipedrive",)"
      R"("id":"1","customFields":{"n":null,"m":{"l":[1,null,"x"]}}}}})");
  EXPECT_EQ(event.connector_id(), "pipedrive");
  EXPECT_EQ(event.owner_id(), "acme");
  EXPECT_EQ(event.trigger(), "deleted");
  EXPECT_TRUE(event.resource().stage().custom_fields().at("n").has_null_value());
  EXPECT_EQ(event.resource()
                .stage()
                .custom_fields()
                .at("m")
                .struct_value()
                .fields()
                .at("l")
                .list_value()
                .values_size(),
            3);
}

TEST(ImportLine, ReadsValuesAsDeepAsTheyAreStored) {
  std::string lists = "1";
  std::string objects = "1";
  for (int i = 0; i < 16; ++i) {
    lists = "[" + lists + "]";
    objects = "{\"a\":" + objects + "}";
  }
  for (const std::string& value : {lists, objects}) {
    Read(R"({"resource":{"stage":{"id":"1","rawResource":)" + value + R"(,"customFields":{"c":)" +
         value + "}}}}");
  }
}

TEST(ImportLine, AnythingElseIsNone) {
  EXPECT_THAT(WhyNot("x"), HasSubstr("no JSON object"));
  EXPECT_THAT(WhyNot("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(WhyNot("{}"), HasSubstr("neither"));
  EXPECT_THAT(WhyNot(R"({"resource":{}})"), HasSubstr("no resource"));
  EXPECT_THAT(WhyNot(R"({"resource":{"stage":{"id":[]}}})"), HasSubstr("no event"));
}

}  // namespace
}  // namespace tributary::command
