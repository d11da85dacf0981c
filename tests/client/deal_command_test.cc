// What get, list and watch show of a deal as it changes, and a watch that keeps its position in a
// file; in this process, against the whole server.

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "gtest/gtest.h"
#include "tests/client/command_fixture.h"
#include "tests/testing/temp_dir.h"

namespace tributary::command {
namespace {

using google::protobuf::Value;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A deal that is created at stage s1, and then moved to s2 with another amount and no contact.
class DealCommandTest : public CommandTest {
 protected:
  DealCommandTest() {
    PutStage("s1", "New");
    PutStage("s2", "Won");
    server_.Put("genericContact", "c1", R"({"firstName":"Inès","lastName":"Durand"})");
    server_.Put("crmOpportunity", "311",
                R"({"name":"Deal","amount":10,"stage":{"id":"s1"},"contacts":[{"id":"c1"}]})");
    server_.Put("crmOpportunity", "311",
                R"({"name":"Deal","amount":20,"stage":{"id":"s2"},"owner":{"id":"nobody"}})");
  }
};

TEST_F(DealCommandTest, GetExpandsReferencesAndReadsWhatWas) {
  const Outcome now = Tributary({"get", "opportunity", "311", "--expand=stage,owner"});
  EXPECT_EQ(now.code, kExitOk) << now.err;
  EXPECT_THAT(now.out, AllOf(ContainsRegex("fields.stage +s2 \\(Won\\)\n"),
                             ContainsRegex("fields.owner +nobody\n")));
  const Outcome was =
      Tributary({"get", "opportunity", "311", "--at=4", "--expand", "stage, contacts"});
  EXPECT_EQ(was.code, kExitOk) << was.err;
  EXPECT_THAT(was.out, AllOf(HasSubstr("s1 (New)"), HasSubstr("c1 (Inès Durand)"),
                             ContainsRegex("fields.amount +10\n")));
  // Also of several, in the way of a list.
  EXPECT_THAT(Tributary({"get", "opportunity", "311", "312", "--at=4", "--expand=stage"}).out,
              HasSubstr("s1 (New)"));
  EXPECT_THAT(Tributary({"get", "opportunity", "311", "--at=3"}).err,
              HasSubstr("(RESOURCE_NOT_FOUND)"));
}

TEST_F(DealCommandTest, JsonShowsExpandedResourcesWhole) {
  const std::vector<std::string> get = {"get", "opportunity", "311", "--expand=stage", "--at=4"};
  const auto with = [&](const std::string& output) {
    std::vector<std::string> line = get;
    line.push_back("--output=" + output);
    return Tributary(line).out;
  };
  const Value deal = ParseJson(with("jsonl"));
  const auto& stage =
      deal.struct_value().fields().at("fields").struct_value().fields().at("stage").struct_value();
  const auto& resource = stage.fields().at("resource").struct_value().fields();
  EXPECT_EQ(resource.at("@type").string_value(), "type.googleapis.com/tributary.crm.v1.Stage");
  EXPECT_EQ(resource.at("fields").struct_value().fields().at("name").string_value(), "New");
  // The source has the resource in the reference's place.
  const Value source = ParseJson(with("source"));
  const auto& embedded =
      source.struct_value().fields().at("fields").struct_value().fields().at("stage");
  EXPECT_EQ(embedded.struct_value().fields().at("object").string_value(), "resource");
  EXPECT_EQ(embedded.struct_value().fields().at("id").string_value(), "s1");
}

TEST_F(DealCommandTest, ListFiltersOrdersExpandsAndReadsWhatWas) {
  server_.Put("crmOpportunity", "312", R"({"name":"Small","amount":1})");
  const Outcome ordered = Tributary({"list", "opportunities", "--order-by=amount", "-o", "jsonl"});
  EXPECT_LT(ordered.out.find("Small"), ordered.out.find("Deal")) << ordered.out << ordered.err;
  const Outcome run = Tributary({"list", "opportunities", "--filter=amount >= 10", "--order-by",
                                 "amount desc", "--expand=stage"});
  EXPECT_EQ(run.code, kExitOk) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("s2 (Won)"), Not(HasSubstr("Small"))));
  const Outcome was =
      Tributary({"list", "opportunities", "--filter=amount >= 10", "--at=4", "--expand=stage"});
  EXPECT_THAT(was.out, AllOf(HasSubstr("s1 (New)"), Not(HasSubstr("Won"))));
}

TEST_F(DealCommandTest, ARefusedReadSaysWhichFieldIsAtFault) {
  const Outcome unknown = Tributary({"get", "opportunity", "311", "--expand=stag"});
  EXPECT_EQ(unknown.code, kExitRefused);
  EXPECT_THAT(unknown.err, AllOf(HasSubstr("\"stag\" is no reference"), HasSubstr("stage")));
  const Outcome future = Tributary({"list", "opportunities", "--at=99"});
  EXPECT_EQ(future.code, kExitRefused);
  EXPECT_THAT(future.err, HasSubstr("(POSITION_IN_FUTURE)"));
  EXPECT_EQ(Tributary({"list", "opportunities", "--order_by=name"}).code, kExitRefused);
}

TEST_F(DealCommandTest, ShowChangesSaysWhatBecameWhat) {
  const Outcome run =
      Tributary({"watch", "opportunities", "--from=beginning", "--stop-at-head", "--show-changes"});
  EXPECT_EQ(run.code, kExitOk) << run.err;
  EXPECT_EQ(run.out,
            "       4  CREATED    311 \"Deal\"\n"
            "       5  UPDATED    311 \"Deal\"  amount 10 → 20, stage s1 → s2, "
            "owner unset → nobody, contacts -c1\n");
  EXPECT_THAT(Tributary({"watch", "opportunities", "--from=beginning", "--stop-at-head",
                         "--show-changes", "--output=jsonl"})
                  .out,
              HasSubstr("\"previous\""));
  EXPECT_THAT(
      Tributary({"watch", "stages", "--stop-at-head", "--show-changes", "--connector=", "--owner="})
          .out,
      HasSubstr("EXISTING   hubspot acme s2 \"Won\"\n"));
}

TEST_F(DealCommandTest, EachFormatTellsEnteredAndLeftFromCreatedAndDeleted) {
  server_.Put("crmOpportunity", "311", R"({"name":"Deal","amount":5})");
  server_.Delete("crmOpportunity", "311");
  const auto watch = [&](const std::string& from, const std::string& output) {
    return Tributary({"watch", "opportunities", "--stop_at_head", "--filter=amount < 20",
                      "--from=" + from, "--output=" + output})
        .out;
  };
  EXPECT_THAT(watch("beginning", "table"),
              AllOf(ContainsRegex("4  created +311"), ContainsRegex("5  left +311"),
                    ContainsRegex("6  entered +311"), ContainsRegex("7  deleted +311")));
  EXPECT_THAT(watch("beginning", "jsonl"),
              AllOf(HasSubstr("CHANGE_TYPE_LEFT"), HasSubstr("CHANGE_TYPE_ENTERED")));
  const std::string source = watch("beginning", "source");
  EXPECT_EQ(std::count(source.begin(), source.end(), '\n'), 4);
  EXPECT_THAT(source, AllOf(ContainsRegex("::deleted\"[^\n]*\"change\":\"left\"}\n"),
                            ContainsRegex("::created\"[^\n]*\"change\":\"entered\"}\n")));
  EXPECT_THAT(Tributary({"watch", "stages", "--stop_at_head", "--output=source"}).out,
              HasSubstr("\"change\":\"existing\"}\n"));
}

TEST_F(DealCommandTest, AFilterOfChangesNeedsAPosition) {
  const std::string filter = "--filter=changed(stage)";
  const Outcome snapshot = Tributary({"watch", "opportunities", filter, "--stop_at_head"});
  EXPECT_EQ(snapshot.code, kExitRefused);
  EXPECT_THAT(snapshot.err, HasSubstr("(EVENT_FILTER_NEEDS_POSITION)"));
  const Outcome changes =
      Tributary({"watch", "opportunities", filter, "--stop_at_head", "--after_revision=4"});
  EXPECT_THAT(changes.out, AllOf(HasSubstr("updated  311"), Not(HasSubstr("created"))));
}

TEST_F(DealCommandTest, SeveralModelsComeInOneOrder) {
  const auto watch = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"watch", "--from=beginning", "--stop_at_head"});
    return Tributary(more).out;
  };
  EXPECT_EQ(watch({"all", "--show-changes"}),
            "       1  CREATED    crmStage s1 \"New\"\n"
            "       2  CREATED    crmStage s2 \"Won\"\n"
            "       3  CREATED    genericContact c1 \"Inès Durand\"\n"
            "       4  CREATED    crmOpportunity 311 \"Deal\"\n"
            "       5  UPDATED    crmOpportunity 311 \"Deal\"  amount 10 → 20, stage s1 → s2, "
            "owner unset → nobody, contacts -c1\n");
  EXPECT_THAT(watch({"stages", "contacts"}),
              AllOf(ContainsRegex("2  created  crmStage +s2 +Won\n"),
                    ContainsRegex("3  created  genericContact +c1 +Inès Durand\n"),
                    Not(HasSubstr("crmOpportunity"))));
  EXPECT_THAT(watch({"all", "-o", "jsonl"}), HasSubstr("\"key\":{\"model\":\"crmStage\""));
  const std::string source = watch({"all", "-o", "source"});
  EXPECT_EQ(std::count(source.begin(), source.end(), '\n'), 5);
  EXPECT_THAT(source, HasSubstr("{\"event\":\"genericContact::created\",\"data\":{"));
}

class FollowFileCommandTest : public CommandTest {
 protected:
  Outcome Follow(std::vector<std::string> more = {}) {
    std::vector<std::string> line = {"watch", "stages", "--stop_at_head", "--output=jsonl",
                                     "--follow-file=" + file_};
    line.insert(line.end(), more.begin(), more.end());
    return Tributary(line);
  }

  testing::TempDir dir_;
  const std::string file_ = dir_.File("token");
};

TEST_F(FollowFileCommandTest, EachRunShowsWhatNoRunBeforeHasShown) {
  std::string all;
  for (int run = 0; run < 5; ++run) {
    const std::string id = "s" + std::to_string(run);
    PutStage(id, "Stage " + id);
    const Outcome outcome = Follow();
    ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("\"" + id + "\""));
  }
  EXPECT_THAT(Follow().out, IsEmpty());
  // A position of the command line is for the first run.
  EXPECT_THAT(Follow({"--from=beginning"}).out, IsEmpty());
}

TEST_F(FollowFileCommandTest, TheFirstRunBeginsWhereItIsTold) {
  PutStage("s1", "One");
  EXPECT_THAT(Follow({"--from=now"}).out, IsEmpty());
  PutStage("s2", "Two");
  EXPECT_THAT(Follow({"--from=now"}).out, AllOf(HasSubstr("Two"), Not(HasSubstr("One"))));
}

TEST_F(FollowFileCommandTest, AnotherRequestIsNotTakenUp) {
  PutStage("s1", "One");
  ASSERT_EQ(Follow({"--filter=type = open"}).code, kExitOk);
  const std::string token = ReadFile(file_);
  for (const char* difference : {"--filter=type = won", "--owner=globex"}) {
    const Outcome other = Follow({difference});
    EXPECT_EQ(other.code, kExitRefused);
    EXPECT_THAT(other.err,
                AllOf(HasSubstr("the position in " + file_), HasSubstr("name another file"),
                      HasSubstr("(RESUME_TOKEN_OTHER_REQUEST)")));
    EXPECT_THAT(other.out, IsEmpty());
    EXPECT_EQ(ReadFile(file_), token) << "the position is still good for its own request";
  }
  EXPECT_EQ(Follow({"--filter=type = open"}).code, kExitOk);
}

TEST_F(FollowFileCommandTest, AFileThatHoldsSomethingElseIsLeftAlone) {
  std::ofstream(file_) << "my notes";
  const Outcome run = Follow();
  EXPECT_EQ(run.code, kExitRefused);
  EXPECT_THAT(run.err, AllOf(HasSubstr("delete the file to start over"),
                             HasSubstr("(RESUME_TOKEN_MALFORMED)")));
  EXPECT_EQ(ReadFile(file_), "my notes");
}

TEST_F(FollowFileCommandTest, WhatCannotBeWrittenIsNotFollowed) {
  PutStage("s1", "One");
  const Outcome run = Follow({"--follow-file=" + dir_.File("no/such/folder")});
  EXPECT_EQ(run.code, kExitError);
  EXPECT_THAT(run.err, HasSubstr("cannot open"));
  EXPECT_THAT(run.out, IsEmpty());
}

}  // namespace
}  // namespace tributary::command
