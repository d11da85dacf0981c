// What export writes and import takes; in this process, against whole servers.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "client/model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/command_fixture.h"
#include "tests/testing/temp_dir.h"

namespace tributary::command {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class ImportCommandTest : public CommandTest {
 protected:
  // The same line against the second server.
  Outcome There(std::vector<std::string> line, const std::string& in = "") {
    line.push_back("--address=" + other_.grpc_address());
    return Tributary(line, in);
  }

  // But deletions, so that there is something of each model.
  void SendAllVectors() {
    const std::filesystem::path vectors =
        std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "proto/vectors";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(vectors)) {
      const std::string file = entry.path().filename();
      if (!file.ends_with(".json") || file.starts_with("deleted")) continue;
      (void)Tributary({"send", entry.path()});
    }
  }

  // All resources of a model, whole but for their revisions; in JSON, maps have no order.
  static std::string WithoutRevisions(const Outcome& listed) {
    EXPECT_EQ(listed.code, kExitOk) << listed.err;
    std::string all;
    for (const std::string& line : Lines(listed.out)) {
      google::protobuf::Value resource = ParseJson(line);
      resource.mutable_struct_value()->mutable_fields()->erase("revision");
      all += resource.DebugString();
    }
    return all;
  }

  static std::string Totals(const Outcome& imported) {
    const std::vector<std::string> lines = Lines(imported.out);
    return lines.empty() ? "" : lines.back();
  }

  std::string HeadOf(const Outcome& status) {
    std::smatch match;
    EXPECT_TRUE(std::regex_search(status.out, match, std::regex("head revision: (\\d+)")));
    return match[1];
  }

  testing::LiveServer other_;
  testing::TempDir dir_;
};

TEST_F(ImportCommandTest, AnEmptyStoreHoldsAfterwardsWhatWasExported) {
  SendAllVectors();
  const Outcome exported = Tributary({"export", "all", "--owner="});
  ASSERT_EQ(exported.code, kExitOk) << exported.err;
  const std::vector<std::string> lines = Lines(exported.out);
  ASSERT_GT(lines.size(), 20u);
  const Outcome imported = There({"import", "-"}, exported.out);
  EXPECT_EQ(imported.code, kExitOk) << imported.err << imported.out;
  EXPECT_THAT(Totals(imported), AllOf(HasSubstr("APPLIED"), Not(HasSubstr("REJECTED"))));
  for (const ResourceModel& model : ResourceModel::All()) {
    // Those are discovered there at another time, by the values that there are.
    if (model.message().file()->package() == "tributary.custom.v1") continue;
    const std::vector<std::string> list = {"list", model.id(), "--output=jsonl", "--view=full"};
    const std::string here = WithoutRevisions(Tributary(list));
    EXPECT_EQ(here, WithoutRevisions(There(list))) << model.id();
    EXPECT_THAT(here, Not(IsEmpty())) << model.id();
  }

  // And a second run changes nothing.
  const std::string head = HeadOf(There({"status"}));
  const Outcome again = There({"import", "-"}, exported.out);
  EXPECT_EQ(again.code, kExitOk) << again.err;
  EXPECT_THAT(Totals(again), AllOf(HasSubstr("DUPLICATE"), Not(HasSubstr("APPLIED"))));
  EXPECT_EQ(HeadOf(There({"status"})), head);

  // Nor does what it has itself exported.
  const Outcome own = There({"export"});
  const Outcome back = There({"import", "-"}, own.out);
  EXPECT_EQ(back.code, kExitOk) << back.err;
  EXPECT_THAT(Totals(back), AllOf(HasSubstr("UNCHANGED"), Not(HasSubstr("APPLIED"))));
  EXPECT_EQ(HeadOf(There({"status"})), head);
}

TEST_F(ImportCommandTest, TakesBodiesOfWebhooksAndWhoseTheyAreFromTheLine) {
  const std::string line = R"({"event":"crmStage::updated","data":{"id":"s1","fields":{"name":"N",)"
                           R"("type":"open"}})";
  const std::string file = dir_.File("webhooks.jsonl");
  std::ofstream(file) << line << "}\n\n"
                      << line << R"(,"ownerId":"globex","connectorId":"pipedrive"})"
                      << "\n"
                      << line << R"(,"idempotencyKey":"k1"})"
                      << "\n"
                      << line << R"(,"idempotencyKey":"k1"})";
  const Outcome imported = Tributary({"import", file});
  EXPECT_EQ(imported.code, kExitOk) << imported.err;
  EXPECT_EQ(Totals(imported), "4 lines: APPLIED 2 DUPLICATE 1 UNCHANGED 1");
  EXPECT_EQ(Tributary({"get", "stage", "s1", "--owner=globex", "--connector=pipedrive"}).code,
            kExitOk);
  EXPECT_EQ(Totals(Tributary({"import", file})), "4 lines: DUPLICATE 4");
}

TEST_F(ImportCommandTest, ABrokenLineIsToldOfAndTheRestGoesOn) {
  const std::string good =
      R"({"event":"crmStage::updated","data":{"id":"s1","fields":{"name":"N","type":"open"}}})";
  const std::string lines =
      good + "\nno JSON\n" + good.substr(0, 40) + "\n" +
      R"({"event":"crmStage::updated","data":{}})" + "\n" + R"({"resource":{"nothing":{}}})" +
      "\n{}\n" + R"({"event":"crmStage::moved","data":{"id":"s1"}})" + "\n" + good + "\n";
  const Outcome imported = Tributary({"import", "-"}, lines);
  EXPECT_EQ(imported.code, kExitRefused);
  EXPECT_EQ(Totals(imported), "8 lines: APPLIED 1 BROKEN 4 DUPLICATE 1 PARKED 1 REJECTED 1");
  EXPECT_THAT(imported.err, AllOf(HasSubstr("line 2: BROKEN"), HasSubstr("line 3: BROKEN"),
                                  HasSubstr("line 4: REJECTED  /data/id: is required  delivery 2"),
                                  HasSubstr("line 5: BROKEN"), HasSubstr("line 6: BROKEN"),
                                  HasSubstr("line 7: PARKED")));
}

TEST_F(ImportCommandTest, WhatTheServerToleratesIsNotBroken) {
  // Half a surrogate pair and a number beyond all bounds.
  const std::string line =
      R"({"event":"crmStage::updated","data":{"id":"s1","fields":{"name":"Caf\ud83d","type":"open",)"
      R"("big":1e400,"long":123456789012345678901234}}})";
  const Outcome imported = Tributary({"import", "-"}, line);
  EXPECT_EQ(imported.code, kExitOk) << imported.err;
  EXPECT_THAT(Totals(imported), HasSubstr("APPLIED 1"));
}

TEST_F(ImportCommandTest, PrintsAResultForEachLineIfAskedTo) {
  const std::string line =
      R"({"event":"crmStage::updated","data":{"id":"s1","fields":{"name":"N","type":"open"}}})";
  const Outcome imported = Tributary({"import", "-", "--output=jsonl"}, line + "\n" + line);
  const std::vector<std::string> lines = Lines(imported.out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0],
              AllOf(HasSubstr(R"("clientRef":"1")"), HasSubstr(R"("verdict":"VERDICT_APPLIED")")));
  EXPECT_THAT(lines[1], AllOf(HasSubstr(R"("clientRef":"2")"),
                              HasSubstr(R"("verdict":"VERDICT_DUPLICATE")")));
  EXPECT_THAT(imported.err, HasSubstr("2 lines"));
}

TEST_F(ImportCommandTest, ExportsWhatIsAskedFor) {
  PutStage("s1", "New");
  server_.Put("genericContact", "c1", R"({"firstName":"Ann"})");
  server_.Put("genericContact", "c2", R"({"firstName":"Bob"})", "globex");
  EXPECT_EQ(Lines(Tributary({"export"}).out).size(), 2u);
  EXPECT_EQ(Lines(Tributary({"export", "all", "--owner="}).out).size(), 3u);
  EXPECT_EQ(Lines(Tributary({"export", "stages"}).out).size(), 1u);
  EXPECT_EQ(Lines(Tributary({"export", "stages", "contacts", "--owner="}).out).size(), 3u);
  const std::vector<std::string> lines =
      Lines(Tributary({"export", "contacts", "--owner=", "--filter=first_name = Bob"}).out);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], AllOf(HasSubstr(R"("resource":{"contact":{)"),
                              HasSubstr(R"("ownerId":"globex")"), HasSubstr("idempotencyKey")));
  EXPECT_EQ(Tributary({"export", "contact", "--filter=("}).code, kExitRefused);
  EXPECT_EQ(Tributary({"export", "nothing"}).code, kExitUsage);
}

TEST_F(ImportCommandTest, DeclaredDefinitionsAreDeclaredAgain) {
  const std::string exported =
      R"({"resource":{"fieldDefinition":{"connectorId":"hubspot","ownerId":"acme",)"
      R"("id":"crmOpportunity.region","fields":{"model":"crmOpportunity","key":"region",)"
      R"("type":"TYPE_TEXT","name":"Region","origin":"ORIGIN_DECLARED"}}}})";
  EXPECT_EQ(Totals(Tributary({"import", "-"}, exported)), "1 line: DECLARED 1");
  const Outcome got = Tributary({"get", "field_definition", "crmOpportunity.region"});
  EXPECT_THAT(got.out, HasSubstr("Region"));
  const std::string head = HeadOf(Tributary({"status"}));
  EXPECT_EQ(Totals(Tributary({"import", "-"}, exported)), "1 line: DECLARED 1");
  EXPECT_EQ(HeadOf(Tributary({"status"})), head) << "as it is already";
  const std::string wrong =
      std::regex_replace(exported, std::regex("TYPE_TEXT"), "TYPE_UNSPECIFIED");
  const Outcome refused = Tributary({"import", "-"}, wrong);
  EXPECT_EQ(refused.code, kExitRefused);
  EXPECT_THAT(refused.err, HasSubstr("line 1: REJECTED"));
}

TEST_F(ImportCommandTest, SaysWhatItCannotDo) {
  EXPECT_EQ(Tributary({"import"}).code, kExitUsage);
  EXPECT_EQ(Tributary({"import", "a", "b"}).code, kExitUsage);
  EXPECT_EQ(Tributary({"import", "-", "--output=source"}).code, kExitUsage);
  EXPECT_EQ(Tributary({"import", dir_.File("none")}).code, kExitError);
  EXPECT_EQ(Tributary({"import", dir_.path()}).code, kExitError);
  const Outcome empty = Tributary({"import", "-"});
  EXPECT_EQ(empty.code, kExitOk);
  EXPECT_EQ(empty.out, "0 lines\n");
}

}  // namespace
}  // namespace tributary::command
