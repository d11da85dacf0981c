// The verbs of the command, in this process, against the whole server.

#include <stdio.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "client/command/verbs.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"
#include "tests/client/command_fixture.h"

namespace tributary::command {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

// Makes two spellings of one thing equal: a null is absent, a time is its instant.
void Normalize(Value& value) {
  if (value.has_list_value()) {
    for (Value& item : *value.mutable_list_value()->mutable_values()) Normalize(item);
  } else if (value.has_struct_value()) {
    auto& members = *value.mutable_struct_value()->mutable_fields();
    for (auto member = members.begin(); member != members.end();) {
      Normalize(member->second);
      member = member->second.has_null_value() ? members.erase(member) : std::next(member);
    }
  } else if (google::protobuf::Timestamp time;
             value.has_string_value() && value.string_value().size() > 15 &&
             google::protobuf::util::TimeUtil::FromString(value.string_value(), &time)) {
    value.set_string_value(google::protobuf::util::TimeUtil::ToString(time));
  }
}

TEST_F(CommandTest, EachPayloadComesOutAsItWentIn) {
  const std::filesystem::path vectors =
      std::filesystem::path(TRIBUTARY_SOURCE_DIR) / "proto/vectors";
  int compared = 0;
  for (const auto& model : std::filesystem::directory_iterator(vectors)) {
    const std::filesystem::path file = model.path() / "created.json";
    if (!std::filesystem::exists(file)) continue;
    SCOPED_TRACE(file);
    const std::string body = ReadFile(file);
    const Outcome sent = Tributary({"send", file});
    ASSERT_EQ(sent.code, kExitOk) << sent.out << sent.err;
    Value data = ParseJson(body).struct_value().fields().at("data");
    const auto& members = data.struct_value().fields();
    const Outcome got =
        Tributary({"get", members.at("model").string_value(), members.at("id").string_value(),
                   "--output=source", "--view=full"});
    ASSERT_EQ(got.code, kExitOk) << got.err;
    Normalize(data);
    Value answer = ParseJson(got.out);
    Normalize(answer);
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(data, answer))
        << got.out << "\ninstead of\n"
        << body;
    ++compared;
  }
  EXPECT_GE(compared, 14);
}

TEST_F(CommandTest, GetShowsOneWhole) {
  server_.Put("crmStage", "s1", R"({"name":"Won","type":"won","region":"EMEA"})");
  const Outcome run = Tributary({"get", "stage", "s1"});
  EXPECT_EQ(run.code, kExitOk);
  EXPECT_THAT(run.out, AllOf(HasSubstr("fields.name"), HasSubstr("Won"), HasSubstr("won\n"),
                             HasSubstr("custom_fields.region"), HasSubstr("EMEA")));
  EXPECT_THAT(Tributary({"get", "stages", "s1", "--output=jsonl"}).out,
              HasSubstr(R"("type":"TYPE_WON")"));
}

TEST_F(CommandTest, GetOfSeveralNamesTheMissing) {
  PutStage("s1", "One");
  const Outcome run = Tributary({"get", "crmStage", "s1", "s2"});
  EXPECT_EQ(run.code, kExitNotFound);
  EXPECT_THAT(run.out, HasSubstr("One"));
  EXPECT_THAT(run.err, HasSubstr("\"s2\" not found"));
}

TEST_F(CommandTest, ExitCodesSayWhatHappened) {
  PutStage("s1", "One");
  EXPECT_EQ(Tributary({"get", "stage", "s1"}).code, kExitOk);
  EXPECT_EQ(Tributary({"get", "stage", "nope"}).code, kExitNotFound);
  EXPECT_EQ(Tributary({"list", "stages", "--filter=x"}).code, kExitRefused);
  EXPECT_EQ(Tributary({"watch", "stages", "--from=garbage"}).code, kExitRefused);
  EXPECT_EQ(Tributary({"status", "--address=127.0.0.1:1", "--timeout=1s"}).code, kExitUnavailable);
  EXPECT_EQ(Tributary({"watch", "stages", "--address=127.0.0.1:1", "--timeout=300ms"}).code,
            kExitUnavailable);
  EXPECT_EQ(Tributary({"send", "-", "--http_address=127.0.0.1:1"}, "{}").code, kExitUnavailable);
  EXPECT_EQ(Tributary({"send", "-"}, "no JSON").code, kExitRefused);
  EXPECT_EQ(Tributary({"send", "/does/not/exist"}).code, kExitError);
  EXPECT_EQ(Tributary({}).code, kExitUsage);
}

TEST_F(CommandTest, WrongCommandLinesSayWhatIsWrongAndWhatWasMeant) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"lst", "stages"}, "unknown verb \"lst\" (did you mean list?)"},
      {{"list", "stagse"}, "unknown model \"stagse\" (did you mean stage?)"},
      {{"list"}, "which model?"},
      {{"get", "stage"}, "which id?"},
      {{"get", "stage", "s1", "--owner="}, "--owner is needed (or TRIBUTARY_OWNER)"},
      {{"list", "stages", "more"}, "unexpected \"more\""},
      {{"list", "stages", "--ouput=json"}, "unknown flag --ouput (did you mean --output?)"},
      {{"list", "stages", "--output=jsn"},
       "wants table, json, jsonl or source (did you mean json?)"},
      {{"list", "stages", "--from=now"}, "`tributary list` has no flag --from"},
      {{"list", "stages", "--limit=-1"}, "--limit must not be negative"},
      {{"list", "stages", "--view=all"}, "wants basic or full"},
      {{"watch", "stages", "--heartbeat=fast"}, "wants a duration"},
      {{"watch", "stages", "contcats"}, "unknown model \"contcats\" (did you mean contacts?)"},
      {{"watch", "stages", "--limit=-1"}, "--limit must not be negative"},
      {{"watch", "stages", "--show-changes", "-o", "source"}, "no state before a change"},
      {{"watch", "stages", "--follow-file=f", "--limit=1"}, "exclude each other"},
      {{"watch", "stages", "--follow-file"}, "--follow_file needs a value"},
      {{"watch", "stages", "--expand=pipeline"}, "`tributary watch` has no flag --expand"},
      {{"list", "stages", "--at=yesterday"}, "--at=yesterday: wants a number"},
      {{"get", "stage", "s1", "--at=0"}, "--at must be 1 or more"},
      {{"send"}, "which file?"},
      {{"status", "--timeout=0s"}, "--timeout must be more than nothing"}};
  for (const auto& [line, complaint] : cases) {
    const Outcome run = Tributary(line);
    EXPECT_EQ(run.code, kExitUsage) << complaint;
    EXPECT_THAT(run.err, HasSubstr(complaint));
    EXPECT_THAT(run.out, IsEmpty());
  }
}

TEST_F(CommandTest, ARefusalNamesItsReason) {
  EXPECT_THAT(Tributary({"get", "stage", "nope"}).err, HasSubstr("(RESOURCE_NOT_FOUND)"));
  EXPECT_THAT(Tributary({"watch", "stages", "--from=garbage"}).err,
              HasSubstr("(RESUME_TOKEN_MALFORMED)"));
  EXPECT_THAT(Tributary({"status", "--address=127.0.0.1:1", "--timeout=1s"}).err,
              HasSubstr("Is the server running?"));
}

TEST_F(CommandTest, ListIsOneArrayOrALineEach) {
  for (int i = 0; i < 5; ++i) PutStage("s" + std::to_string(i), "Stage");
  EXPECT_EQ(ParseJson(Tributary({"list", "stages", "--output=json", "--page_size=2"}).out)
                .list_value()
                .values_size(),
            5);
  const std::string lines = Tributary({"list", "stages", "--output=jsonl", "--page-size", "2"}).out;
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 5);
  EXPECT_EQ(ParseJson(Tributary({"list", "stages", "--output=json", "--limit=3"}).out)
                .list_value()
                .values_size(),
            3);
  EXPECT_EQ(Tributary({"list", "calls", "--output=json"}).out, "[]\n");
}

TEST_F(CommandTest, ListOfAllScopesSaysWhichIsWhich) {
  PutStage("s1", "One");
  server_.Put("crmStage", "s1", R"({"name":"Other","type":"open"})", "globex");
  const Outcome run = Tributary({"list", "stages", "--connector=", "--owner="});
  EXPECT_THAT(run.out, StartsWith("CONNECTOR  OWNER   ID"));
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("hubspot    acme    s1"), HasSubstr("hubspot    globex  s1")));
}

TEST_F(CommandTest, WatchShowsTheSnapshotAndThenChanges) {
  PutStage("s1", "One");
  PutStage("s2", "Two");
  PutStage("s1", "Won");
  const Outcome snapshot = Tributary({"watch", "stages", "--stop_at_head"});
  EXPECT_EQ(snapshot.code, kExitOk) << snapshot.err;
  EXPECT_THAT(snapshot.out, AllOf(HasSubstr("existing"), HasSubstr("Won"), HasSubstr("Two")));
  const Outcome changes = Tributary({"watch", "stages", "--from=beginning", "--stop_at_head"});
  EXPECT_THAT(changes.out, AllOf(HasSubstr("created"), HasSubstr("updated  s1")));
  const Outcome limited =
      Tributary({"watch", "stages", "--from=beginning", "--limit=1", "-o", "jsonl"});
  EXPECT_EQ(limited.code, kExitOk);
  EXPECT_EQ(std::count(limited.out.begin(), limited.out.end(), '\n'), 1);
}

TEST_F(CommandTest, WatchGoesOnFromABookmark) {
  PutStage("s1", "One");
  const Outcome first =
      Tributary({"watch", "stages", "--stop_at_head", "--output=jsonl", "--bookmarks"});
  const std::string last_line = first.out.substr(first.out.rfind("{\"resumeToken\""));
  const std::string token =
      ParseJson(last_line).struct_value().fields().at("resumeToken").string_value();
  PutStage("s2", "Two");
  const Outcome second =
      Tributary({"watch", "stages", "--stop_at_head", "--output=jsonl", "--from=" + token});
  EXPECT_EQ(second.code, kExitOk) << second.err;
  EXPECT_THAT(second.out, AllOf(HasSubstr("Two"), Not(HasSubstr("One"))));
}

TEST_F(CommandTest, WhatWatchPrintsAsSourceCanBeSent) {
  PutStage("s1", "One");
  PutStage("s2", "Two");
  const Outcome watched = Tributary({"watch", "stages", "--stop_at_head", "--output=source"});
  const Outcome sent = Tributary({"send", "-", "--lines", "--owner=globex"}, watched.out);
  EXPECT_EQ(sent.code, kExitOk) << sent.out << sent.err;
  const Outcome listed = Tributary({"list", "stages", "--owner=globex", "--output=source"});
  EXPECT_THAT(listed.out, AllOf(HasSubstr("One"), HasSubstr("Two")));
}

TEST_F(CommandTest, SendAddsUpTheVerdictsOfSeveral) {
  const std::string stage =
      R"({"event":"crmStage::created","data":{"model":"crmStage","id":"s1","fields":{"name":"One"}}})";
  const Outcome sent = Tributary({"send", "-", "--lines"}, stage + "\n" + stage + "\n{}\n");
  EXPECT_EQ(sent.code, kExitRefused);
  EXPECT_THAT(sent.out, HasSubstr("3 of 3 sent: APPLIED 1 DUPLICATE 1 REJECTED 1\n"));
}

// What docs/ledger.md does at three in the morning.
TEST_F(CommandTest, DeliveriesAreFoundShownReplayedAndPurged) {
  PutStage("s1", "One");
  Tributary({"send", "-"}, R"({"event":"crmStage::moved","data":{"id":"s1"}})");
  Tributary({"send", "-"}, "no JSON");
  const Outcome listed = Tributary({"deliveries", "list", "--filter=verdict != APPLIED"});
  EXPECT_EQ(listed.code, kExitOk) << listed.err;
  EXPECT_THAT(listed.out, AllOf(HasSubstr("PARKED"), HasSubstr("REJECTED"),
                                HasSubstr("crmStage::moved"), Not(HasSubstr("APPLIED"))));
  const Outcome lines = Tributary({"deliveries", "list", "--limit=2", "--output=jsonl"});
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 2);

  const Outcome shown = Tributary({"deliveries", "show", "2"});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("problem"), HasSubstr(R"({"event":"crmStage::moved")")));
  EXPECT_EQ(Tributary({"deliveries", "show", "99"}).code, kExitNotFound);

  const Outcome dry = Tributary({"deliveries", "replay", "--filter=id = *", "--dry_run"});
  EXPECT_THAT(dry.out, AllOf(HasSubstr("PARKED -> PARKED: 1"), HasSubstr("without a body: 1"),
                             HasSubstr("nothing was changed")));
  const Outcome replayed = Tributary({"deliveries", "replay", "--filter=verdict = REJECTED"});
  EXPECT_THAT(replayed.out, HasSubstr("REJECTED -> REJECTED: 1"));

  const std::vector<std::string> purge = {"deliveries", "purge", "--filter=verdict = REJECTED"};
  const Outcome declined = Tributary(purge, "n\n");
  EXPECT_THAT(declined.err, HasSubstr("Take 1 deliveries off the record"));
  EXPECT_NE(declined.code, kExitOk);
  EXPECT_THAT(Tributary({"deliveries", "list"}).out, HasSubstr("REJECTED"));
  EXPECT_THAT(Tributary(purge, "y\n").out, HasSubstr("purged: 1"));
  EXPECT_THAT(Tributary({"deliveries", "list"}).out, Not(HasSubstr("REJECTED")));
  EXPECT_THAT(Tributary({"deliveries", "purge", "--filter=id = *", "--yes"}).out,
              HasSubstr("kept, as changes in the history: 1"));

  EXPECT_EQ(Tributary({"deliveries"}).code, kExitUsage);
  EXPECT_EQ(Tributary({"deliveries", "purge"}).code, kExitUsage);
  EXPECT_EQ(Tributary({"deliveries", "list", "--filter=verdct = X"}).code, kExitRefused);
}

TEST_F(CommandTest, SendTellsTheVerdict) {
  const std::string body =
      R"({"event":"crmStage::created","data":{"object":"resource","model":"crmStage","id":"s1",)"
      R"("fields":{"name":"One","type":"sideways"},"updatedAt":"2025-06-01T00:00:00.000Z"}})";
  const Outcome first = Tributary({"send", "-"}, body);
  EXPECT_EQ(first.code, kExitOk);
  EXPECT_THAT(first.out,
              AllOf(StartsWith("APPLIED  revision 1  delivery 1\n"), HasSubstr("fields.type")));
  EXPECT_THAT(Tributary({"send", "-"}, body).out, StartsWith("DUPLICATE"));
  EXPECT_THAT(Tributary({"send", "-", "--idempotency_key=other"}, body).out,
              StartsWith("UNCHANGED"));
  EXPECT_EQ(ParseJson(Tributary({"send", "-", "--output=json"}, body).out)
                .struct_value()
                .fields()
                .at("verdict")
                .string_value(),
            "DUPLICATE");
  const Outcome refused = Tributary({"send", "-", "--owner="}, body);
  EXPECT_EQ(refused.code, kExitRefused);
  EXPECT_THAT(refused.out, HasSubstr("x-owner-id"));
}

TEST_F(CommandTest, StatusSaysWhereTheHeadIs) {
  PutStage("s1", "One");
  EXPECT_THAT(Tributary({"status"}).out, HasSubstr("head revision: 1\n"));
  EXPECT_THAT(Tributary({"status", "--output=jsonl"}).out, HasSubstr(R"("headRevision":"1")"));
}

TEST_F(CommandTest, HelpShowsExamplesOfEveryVerb) {
  for (const char* verb : {"get", "list", "watch", "send", "deliveries", "status", "models"}) {
    for (const std::vector<std::string>& line :
         {std::vector<std::string>{"help", verb}, {verb, "--help"}, {"-h", verb}}) {
      const Outcome run = Tributary(line);
      EXPECT_EQ(run.code, kExitOk);
      EXPECT_THAT(run.out,
                  AllOf(HasSubstr(std::string("Usage: tributary ") + verb),
                        HasSubstr(std::string("\n  tributary ") + verb), HasSubstr("Exit codes")));
    }
  }
  EXPECT_THAT(Tributary({"help"}).out, HasSubstr("Verbs:"));
  EXPECT_EQ(Tributary({"--version"}).out, "tributary 1.2.3\n");
}

}  // namespace
}  // namespace tributary::command
