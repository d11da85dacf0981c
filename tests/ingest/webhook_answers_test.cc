#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "tests/ingest/ingest_fixture.h"

// What each webhook is told: the table of verdicts, the headers, and bodies that no sender should
// send.
namespace tributary::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

class WebhookAnswersTest : public IngestTest {
 protected:
  void SetUp() override {
    IngestTest::SetUp();
    StartServer();
  }

  // The problem document of `reply`, held to what every one of them has.
  static Json ProblemOf(const HttpReply& reply) {
    EXPECT_EQ(reply.Header("content-type"), "application/problem+json");
    const Json problem = reply.Json();
    EXPECT_TRUE(problem.is_object()) << reply.body;
    if (!problem.is_object()) return Json::object();
    EXPECT_THAT(problem.value("type", ""), StartsWith("https://tributary.dev/problems/"));
    EXPECT_FALSE(problem.value("title", "").empty());
    EXPECT_FALSE(problem.value("detail", "").empty());
    EXPECT_FALSE(problem.value("reason", "").empty());
    EXPECT_EQ(problem.value("status", 0), reply.status);
    EXPECT_FALSE(reply.Header("x-request-id").empty());
    return problem;
  }

  // Holds an answer to a verdict to what all of them have; returns its body.
  static Json VerdictOf(const HttpReply& reply, int status, const std::string& verdict) {
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_EQ(reply.Header("content-type"), "application/json");
    EXPECT_EQ(reply.Header("x-tributary-verdict"), verdict);
    const Json body = reply.Json();
    EXPECT_TRUE(body.is_object()) << reply.body;
    if (!body.is_object()) return Json::object();
    EXPECT_EQ(body.value("verdict", ""), verdict);
    EXPECT_FALSE(body.value("deliveryId", "").empty());
    EXPECT_EQ(body.value("deliveryId", ""), reply.Header("x-tributary-delivery-id"));
    EXPECT_TRUE(body.contains("warnings") && body["warnings"].is_array());
    return body;
  }
};

TEST_F(WebhookAnswersTest, EachVerdictHasItsStatusAndRevision) {
  const std::string newer = WorkspaceBody("w", "Acme", "2025-06-04T09:00:00.000Z");
  EXPECT_EQ(VerdictOf(Ask(Webhook(newer, "1")), 200, "APPLIED")["revision"], 1);
  EXPECT_EQ(VerdictOf(Ask(Webhook(newer, "2")), 200, "UNCHANGED")["revision"], 1);
  EXPECT_EQ(VerdictOf(Ask(Webhook(newer, "1")), 200, "DUPLICATE")["revision"], 1);
  const std::string older = WorkspaceBody("w", "Old", "2025-06-03T09:00:00.000Z");
  EXPECT_EQ(VerdictOf(Ask(Webhook(older, "3")), 200, "SUPERSEDED")["revision"], 1);
  EXPECT_EQ(HeadRevision(), 1);
}

TEST_F(WebhookAnswersTest, WhatIsNotKnownYetIsParked) {
  for (const char* event : {"accountingInvoice::created", "genericWorkspace::archived"}) {
    const std::string model = std::string(event).substr(0, std::string(event).find(':'));
    const std::string body = std::string(R"({"event":")") + event + R"(","data":{"model":")" +
                             model + R"(","id":"1","fields":{}}})";
    const Json answer = VerdictOf(Ask(Webhook(body, event)), 202, "PARKED");
    EXPECT_FALSE(answer.contains("revision"));
    EXPECT_FALSE(answer.value("detail", "").empty());
  }
}

TEST_F(WebhookAnswersTest, AnEnvelopeThatIsBrokenIsOnRecordAndSaysWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"event":"genericWorkspace::updated","data":{"model":"genericWorkspace","fields":{}}})",
       "/data/id"},
      {R"({"event":"genericWorkspace::updated","data":{"model":"genericUser","id":"1","fields":{}}})",
       "/data/model"},
      {R"({"event":"no separator","data":{"id":"1"}})", "/event"},
      {R"({"data":{"id":"1"}})", "/event"},
      {R"({"event":"genericWorkspace::updated"})", "/data"},
      {R"([])", ""},
  };
  for (const auto& [body, pointer] : cases) {
    const HttpReply reply = Ask(Webhook(body, body));
    EXPECT_EQ(reply.status, 422) << body;
    const Json problem = ProblemOf(reply);
    EXPECT_EQ(problem.value("reason", ""), "ENVELOPE_INVALID");
    ASSERT_TRUE(problem.contains("faults") && !problem["faults"].empty()) << body;
    EXPECT_EQ(problem["faults"][0].value("pointer", "?"), pointer) << body;
    EXPECT_FALSE(problem["faults"][0].value("detail", "").empty()) << body;
    EXPECT_THAT(problem.value("detail", ""), ::testing::Not(::testing::ContainsRegex("\"\"[a-z]")))
        << body;
    EXPECT_TRUE(problem["faults"][0].contains("value")) << body;
    EXPECT_FALSE(problem.value("deliveryId", "").empty()) << body;
    EXPECT_EQ(problem.value("deliveryId", ""), reply.Header("x-tributary-delivery-id"));
    EXPECT_EQ(reply.Header("x-tributary-verdict"), "REJECTED");
  }
  EXPECT_EQ(HeadRevision(), 0);
}

TEST_F(WebhookAnswersTest, AValueOutOfItsContractIsAWarningWithItsPlace) {
  const Json answer =
      VerdictOf(Ask(Webhook(WorkspaceBody("w", std::string(300, 'x')))), 200, "APPLIED");
  ASSERT_EQ(answer["warnings"].size(), 1u) << answer;
  const Json& warning = answer["warnings"][0];
  EXPECT_EQ(warning.value("code", ""), "CONNECTOR::MAPPER::READ_VALIDATION_FAILED");
  EXPECT_EQ(warning.value("pointer", ""), "/data/fields/name");
  EXPECT_EQ(warning.value("field", ""), "fields.name");
  EXPECT_FALSE(warning.value("message", "").empty());
  EXPECT_THAT(warning.value("value", ""), HasSubstr("xxx"));
}

TEST_F(WebhookAnswersTest, ACardViewIsAnsweredWithCardsWhateverItsVerdict) {
  const std::string good =
      R"({"event":"widgetCardView::created","data":{"model":"widgetCardView","id":"1","fields":{}}})";
  const std::string bad =
      R"({"event":"widgetCardView::created","data":{"model":"widgetCardView","fields":{}}})";
  for (const auto& [body, verdict] : std::vector<std::pair<std::string, std::string>>{
           {good, "APPLIED"}, {good, "DUPLICATE"}, {bad, "REJECTED"}}) {
    const HttpReply reply = Ask(Webhook(body, body));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.Header("content-type"), "application/json");
    EXPECT_EQ(reply.body, R"({"cards": []})");
    EXPECT_EQ(reply.Header("x-tributary-verdict"), verdict);
    EXPECT_FALSE(reply.Header("x-tributary-delivery-id").empty());
  }
}

TEST_F(WebhookAnswersTest, BothSpellingsOfTheConnectorAreTakenUnlessTheyDiffer) {
  const HttpRequest request = Webhook(WorkspaceBody("w", "Acme")).Without("x-connector-id");
  EXPECT_EQ(Ask(request.With("x-conector-id", "hubspot")).status, 200);
  EXPECT_EQ(Ask(request.With("X-CONNECTOR-ID", "hubspot")).Json()["verdict"], "DUPLICATE");
  EXPECT_EQ(Ask(request.With("x-conector-id", "hubspot").With("x-connector-id", "hubspot")).status,
            200);
  const HttpReply differ =
      Ask(request.With("x-conector-id", "hubspot").With("x-connector-id", "zoho"));
  EXPECT_EQ(differ.status, 400);
  const Json problem = ProblemOf(differ);
  EXPECT_EQ(problem.value("reason", ""), "HEADER_CONFLICT");
  EXPECT_THAT(problem.value("detail", ""), HasSubstr("zoho"));
  EXPECT_THAT(problem.value("detail", ""), HasSubstr("hubspot"));
}

TEST_F(WebhookAnswersTest, EachBadHeaderIsNamedWithItsValueAndRuleAndNothingIsRecorded) {
  struct Case {
    const char* name;
    std::string value;
    const char* reason;
    const char* rule;
  };
  const Case cases[] = {
      {"empty", "", "HEADER_INVALID", "must not be empty"},
      {"long", std::string(limits::kNameBytesMax + 1, 'x'), "HEADER_INVALID", "at most 512 bytes"},
      {"tab", "a\tb", "HEADER_INVALID", "control characters"},
      {"c1 control",
       "a\xc2\x85"
       "b",
       "HEADER_INVALID", "control characters"},
      {"latin-1", "caf\xe9", "HEADER_INVALID", "UTF-8"},
  };
  for (const char* header : {"x-connector-id", "x-owner-id", "x-idempotency-key"}) {
    const HttpRequest request = Webhook(WorkspaceBody("w", "Acme")).Without(header);
    for (const Case& each : cases) {
      const HttpReply reply = Ask(request.With(header, each.value));
      EXPECT_EQ(reply.status, 400) << header << " " << each.name;
      const Json problem = ProblemOf(reply);
      EXPECT_EQ(problem.value("reason", ""), each.reason) << header << " " << each.name;
      EXPECT_THAT(problem.value("detail", ""), HasSubstr(each.rule)) << header << " " << each.name;
      ASSERT_EQ(problem["faults"].size(), 1u);
      EXPECT_EQ(problem["faults"][0].value("header", ""), header);
      EXPECT_LE(problem["faults"][0].value("value", "").size(), 200u);
    }
    const Json missing = ProblemOf(Ask(request));
    EXPECT_EQ(missing.value("reason", ""), "HEADER_MISSING");
    EXPECT_THAT(missing.value("detail", ""), HasSubstr(header));
    const Json twice = ProblemOf(Ask(request.With(header, "a").With(header, "b")));
    EXPECT_EQ(twice.value("reason", ""), "HEADER_CONFLICT");
  }
  EXPECT_TRUE(store_->batches().empty());
}

TEST_F(WebhookAnswersTest, AllHeadersThatAreMissingAreNamedAtOnce) {
  HttpRequest request = Webhook("{}");
  request.headers = {{"content-type", "application/json"}};
  EXPECT_EQ(ProblemOf(Ask(request))["faults"].size(), 3u);
}

TEST_F(WebhookAnswersTest, NamesAtTheirLimitAreTaken) {
  const std::string name(limits::kNameBytesMax, 'x');
  HttpRequest request = Webhook(WorkspaceBody("w", "Acme"), name);
  request = request.Set("x-connector-id", name).Set("x-owner-id", "zażółć-" + name.substr(0, 400));
  EXPECT_EQ(Ask(request).status, 200);
}

TEST_F(WebhookAnswersTest, OnlyJsonInUtf8IsTaken) {
  const HttpRequest request = Webhook(WorkspaceBody("w", "Acme")).Without("content-type");
  for (const char* type : {"application/json", "Application/JSON; charset=UTF-8",
                           "application/json;charset=\"utf-8\"", "application/json; profile=x"}) {
    EXPECT_EQ(Ask(request.With("content-type", type)).status, 200) << type;
  }
  for (const char* type : {"text/plain", "application/xml", "application/json; charset=latin1", "",
                           "application/jsonx"}) {
    const HttpReply reply = Ask(request.With("content-type", type));
    EXPECT_EQ(reply.status, 415) << type;
    EXPECT_EQ(ProblemOf(reply).value("reason", ""), "CONTENT_TYPE_NOT_SUPPORTED");
  }
  EXPECT_EQ(Ask(request).status, 415);
  EXPECT_EQ(
      Ask(request.With("content-type", "application/json").With("content-encoding", "gzip")).status,
      415);
}

TEST_F(WebhookAnswersTest, OtherMethodsAndPathsAreRefused) {
  for (const char* method : {"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"}) {
    HttpRequest request = Webhook("{}");
    request.method = method;
    const HttpReply reply = Ask(request);
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_EQ(reply.Header("allow"), "POST");
    EXPECT_EQ(ProblemOf(reply).value("reason", ""), "METHOD_NOT_ALLOWED");
  }
  HttpRequest health = Webhook("{}");
  health.target = "/healthz";
  EXPECT_EQ(Ask(health).Header("allow"), "GET, HEAD");
  for (const char* target : {"/", "/webhook", "/webhooks/", "/webhooks/x", "/Webhooks", "*"}) {
    HttpRequest request = Webhook(WorkspaceBody("w", "Acme"));
    request.target = target;
    const HttpReply reply = Ask(request);
    EXPECT_EQ(reply.status, 404) << target;
    EXPECT_THAT(ProblemOf(reply).value("detail", ""), HasSubstr(target));
  }
  HttpRequest query = Webhook(WorkspaceBody("w", "Acme"));
  for (const char* target : {"/webhooks?source=morph", "http://example.test/webhooks"}) {
    query.target = target;
    EXPECT_EQ(Ask(query).status, 200) << target;
  }
}

TEST_F(WebhookAnswersTest, WhatIsNoJsonIs400AndTheProcessGoesOn) {
  const std::string valid = WorkspaceBody("w", "Acme");
  const std::pair<const char*, std::string> cases[] = {
      {"empty", ""},
      {"truncated", valid.substr(0, valid.size() - 1)},
      {"two documents", valid + valid},
      {"a megabyte of spaces", std::string(1024 * 1024, ' ')},
      {"not UTF-8", R"({"event":"genericWorkspace::updated","data":{"id":")"
                    "\xff\xfe"
                    R"("}})"},
      {"a raw NUL", std::string("{\"event\":\"a\0b\"}", 15)},
      {"NULs", std::string(64, '\0')},
      {"ten thousand brackets", std::string(10'000, '[')},
      {"deep objects",
       [] {
         std::string deep;
         for (int i = 0; i < 50'000; ++i) deep += R"({"a":)";
         return deep;
       }()},
      {"a bad literal", R"({"event":tru})"},
      {"single quotes", "{'event':'x'}"},
      {"NaN", R"({"event":NaN})"},
  };
  for (const auto& [name, body] : cases) {
    const HttpReply reply = Ask(Webhook(body, name));
    EXPECT_EQ(reply.status, 400) << name << ": " << reply.body.substr(0, 300);
    const Json problem = ProblemOf(reply);
    EXPECT_EQ(problem.value("reason", ""), "BODY_NOT_JSON") << name;
    EXPECT_LT(reply.body.size(), 4096u) << name;
  }
  EXPECT_EQ(Ask(Webhook(valid)).Json()["verdict"], "APPLIED");
}

TEST_F(WebhookAnswersTest, OddJsonHasAnAnswerAndTheProcessGoesOn) {
  const auto with_fields = [](const std::string& fields) {
    return R"({"event":"crmOpportunity::updated","data":{"model":"crmOpportunity","id":"o","fields":)" +
           fields + R"(,"updatedAt":"2025-06-04T09:00:00.000Z"}})";
  };
  std::string balanced(5000, '[');
  balanced.append(5000, ']');
  const std::pair<const char*, std::string> cases[] = {
      {"duplicated keys", with_fields(R"({"name":"a","name":"b","name":["c"]})")},
      {"huge exponent", with_fields(R"({"amount":1e400})")},
      {"huge integer", with_fields(R"({"amount":)" + std::string(400, '9') + "}")},
      {"lone surrogate", with_fields(R"({"name":"Caf\ud83d"})")},
      {"escaped NUL", with_fields(R"({"name":"a\u0000b"})")},
      {"deep custom value", with_fields(R"({"custom":)" + balanced + "}")},
      {"fields of another type", with_fields("7")},
      {"many keys",
       [&] {
         std::string fields = "{";
         for (int i = 0; i < 5000; ++i) fields += "\"k" + std::to_string(i) + "\":1,";
         return with_fields(fields + R"("name":"x"})");
       }()},
  };
  for (const auto& [name, body] : cases) {
    const HttpReply reply = Ask(Webhook(body, name));
    EXPECT_TRUE(reply.status == 200 || reply.status == 400 || reply.status == 422)
        << name << ": " << reply.status << " " << reply.body.substr(0, 300);
    EXPECT_TRUE(reply.Json().is_object()) << name;
  }
  EXPECT_EQ(Ask(Webhook(WorkspaceBody("w", "Acme"))).Json()["verdict"], "APPLIED");
}

TEST_F(WebhookAnswersTest, WhateverBytesAValueHoldsTheProblemIsJson) {
  const std::string values[] = {"\"quoted\\\"",     "</script>",    "a\tb",
                                "\xf0\x9f\x98\x80", "\xed\xa0\x80", std::string(600, '\xc3'),
                                "\xe2\x80\xa8"};
  for (const std::string& value : values) {
    const HttpReply reply =
        Ask(Webhook("{}").Set("x-owner-id", value).Set("content-type", "application/json"));
    EXPECT_TRUE(reply.Json().is_object()) << reply.body;
  }
}

}  // namespace
}  // namespace tributary::testing
