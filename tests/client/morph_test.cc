// Reading Morph's REST API: pages, retries, lists without an end; against a server that answers by
// a script.

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/morph/http_getter.h"
#include "client/morph/morph_client.h"
#include "client/morph/morph_page.h"
#include "client/morph/source_field.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/scripted_web.h"

namespace tributary {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::ScriptedWeb;
using ::testing::SizeIs;
using testing::WebAnswer;

// --- Pages -----------------------------------------------------------------------------------

MorphPage Parsed(const std::string& json) {
  absl::StatusOr<MorphPage> page = ParseMorphPage(json);
  EXPECT_TRUE(page.ok()) << page.status() << "\n" << json;
  return page.ok() ? *std::move(page) : MorphPage();
}

std::vector<std::string> IdsOf(const MorphPage& page) {
  std::vector<std::string> ids;
  for (const MorphItem& item : page.items) ids.push_back(item.id);
  return ids;
}

TEST(MorphPage, KeepsEachResourceToTheByte) {
  const std::string first =
      R"({ "fields": {"n": 1.50, "big": 123456789012345678901}, "id" : "a\/b" })";
  const std::string second = R"({"id":7782342274025937895,"s":"\ud83d\ude00 ]}","l":[{},[ ]]})";
  const MorphPage page =
      Parsed(" {\"data\": [\n" + first + " ,\n" + second + "\n] , \"next\": \"c\"}\n");
  ASSERT_THAT(page.items, SizeIs(2));
  EXPECT_EQ(page.items[0].json, first);
  EXPECT_EQ(page.items[1].json, second);
  EXPECT_THAT(IdsOf(page), ElementsAre("a/b", "7782342274025937895"));
  EXPECT_EQ(page.next, "c");
}

TEST(MorphPage, TakesKeysInAnyOrderAndCursorsOfAnyKind) {
  EXPECT_EQ(Parsed(R"({"next":20,"x":[1],"data":[]})").next, "20");
  EXPECT_EQ(Parsed(R"({"next":null,"data":[]})").next, "");
  EXPECT_EQ(Parsed(R"({"data":[]})").next, "");
  EXPECT_EQ(Parsed("\xEF\xBB\xBF{\"data\":[],\"next\":\"x\"}").next, "x");
  EXPECT_THAT(IdsOf(Parsed(R"({"data":[{"next":"y"},null,{"id":null},{"id":"1"}],"next":"x"})")),
              ElementsAre("", "", "1"));
}

TEST(MorphPage, IsNothingElse) {
  for (const char* body :
       {"", "{", "null", "[]", "<html>", R"({"next":null})", R"({"data":{}})", R"({"data":[1]})",
        R"({"data":[{"id":"1"}],"next")", R"({"data":[{"id":)", R"({"data":[{"id":"1"},{"id":"2")",
        "{\"data\":[{\"id\":\"\xFF\"}]}"}) {
    EXPECT_EQ(ParseMorphPage(body).status().code(), absl::StatusCode::kDataLoss) << body;
  }
}

TEST(MorphPage, ProblemsAreReadFlatAndNested) {
  const MorphProblem flat = ParseMorphProblem(R"({"error":"A::B","message":"why"})");
  EXPECT_EQ(flat.code + " " + flat.message, "A::B why");
  const MorphProblem nested = ParseMorphProblem(R"({"error":{"code":"A::B","message":"why"}})");
  EXPECT_EQ(nested.code + " " + nested.message, "A::B why");
  EXPECT_THAT(ParseMorphProblem("<html>").code, IsEmpty());
}

TEST(Morph, EncodesWhatStandsInAQuery) {
  EXPECT_EQ(PercentEncoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncoded("a/b+c=d&e%\n ü"), "a%2Fb%2Bc%3Dd%26e%25%0A%20%C3%BC");
}

// --- Fields ----------------------------------------------------------------------------------

TEST(SourceField, IsADefinitionWithoutWhatDoesNotFit) {
  const ResourceModel& model = *ResourceModel::Find("opportunity");
  const auto fields = ReadSourceField(
      model, R"({"key":"tier","name":"Tier","type":"list.select","isCustom":true,"isRequired":"?",
                 "options":[{"value":"a","more":1}],"remote":{"key":"k","metadata":{"x":[1]}},
                 "model":"other","origin":"ORIGIN_DECLARED","observedTypes":["TYPE_TEXT"]})");
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->model(), model.id());
  EXPECT_EQ(fields->type(), custom::v1::FieldDefinition::Fields::TYPE_LIST_SELECT);
  EXPECT_TRUE(fields->is_custom());
  EXPECT_FALSE(fields->has_is_required());
  EXPECT_EQ(fields->options(0).value(), "a");
  EXPECT_TRUE(fields->remote().metadata().at("x").has_list_value());
  EXPECT_FALSE(fields->has_origin());
  EXPECT_THAT(fields->observed_types(), IsEmpty());
}

TEST(SourceField, IsNothingWhereThereIsNothingToDeclare) {
  const ResourceModel& model = *ResourceModel::Find("opportunity");
  for (const char* json :
       {R"({"key":"amount","type":"number"})", R"({"key":"x","type":"fortnight"})",
        R"({"key":"x","type":"unspecified"})", R"({"key":"","type":"text"})", R"({"type":"text"})",
        R"({"key":"x"})", "[]"}) {
    EXPECT_FALSE(ReadSourceField(model, json).has_value()) << json;
  }
}

// --- The client ------------------------------------------------------------------------------

constexpr char kSecret[] = "sk_very-secret";
constexpr char kPath[] = "/v1/resources/crmOpportunity";

class MorphClientTest : public ::testing::Test {
 protected:
  void Serve(ScriptedWeb::Script script) {
    web_ = std::make_unique<ScriptedWeb>(std::move(script));
    MorphOptions options;
    options.url = web_->url() + "/";
    options.api_key = "pk_key";
    options.api_secret = kSecret;
    options.scope = {"hubspot", "acme"};
    options.attempts_max = 4;
    options.on_retry = [this](const absl::Status& status, absl::Duration) {
      told_.push_back(status.ToString());
    };
    Pacing pacing;
    pacing.jitter = [] { return 0.999; };
    pacing.sleep = [this](absl::Duration wait, const absl::Notification&) {
      waits_.push_back(absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1))));
    };
    auto client = MorphClient::Make(options, pacing);
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Answers the requests in this order, and the last answer ever after.
  void Answers(const std::vector<std::string>& answers) {
    requests_.clear();
    Serve([this, answers](const std::string& request) {
      requests_.push_back(request);
      return answers[std::min(requests_.size(), answers.size()) - 1];
    });
  }

  std::unique_ptr<ScriptedWeb> web_;
  std::unique_ptr<MorphClient> client_;
  // Read after the answer that the thread of the server made of them.
  std::vector<std::string> requests_;
  std::vector<std::string> told_;
  std::vector<int64_t> waits_;
};

const std::string kPage = WebAnswer(200, R"({"data":[{"id":"1"}],"next":null})");

TEST_F(MorphClientTest, AsksWithTheKeyTheSecretAndTheConnection) {
  Answers({kPage});
  const absl::Time before = absl::Now();
  const auto page = client_->ReadPage(kPath, "a&b");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(IdsOf(*page), ElementsAre("1"));
  EXPECT_GE(page->read_at, before);
  EXPECT_LE(page->read_at, absl::Now());
  ASSERT_THAT(requests_, SizeIs(1));
  for (const char* line : {"GET /v1/resources/crmOpportunity?limit=100&cursor=a%26b HTTP/1.1\r\n",
                           "x-api-key: pk_key\r\n", "x-api-secret: sk_very-secret\r\n",
                           "x-connector-id: hubspot\r\n", "x-owner-id: acme\r\n"}) {
    EXPECT_THAT(requests_[0], HasSubstr(line));
  }
}

TEST_F(MorphClientTest, TriesAgainWhatMayPassAfterGrowingWaits) {
  Answers({WebAnswer(503, "busy"), "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"data\":[",
           WebAnswer(200, "<html>log in</html>"), kPage});
  EXPECT_TRUE(client_->ReadPage(kPath, "").ok());
  EXPECT_THAT(waits_, ElementsAre(1, 2, 4));
  EXPECT_THAT(told_,
              ElementsAre(HasSubstr("503"), HasSubstr("UNAVAILABLE"), HasSubstr("not a page")));
  EXPECT_THAT(requests_, SizeIs(4));
}

TEST_F(MorphClientTest, WaitsAtLeastAsLongAsItIsTold) {
  Answers({WebAnswer(429, "{}", "Retry-After: 7\r\n"), WebAnswer(500, "{}", "Retry-After: 1\r\n"),
           kPage});
  EXPECT_TRUE(client_->ReadPage(kPath, "").ok());
  EXPECT_THAT(waits_, ElementsAre(7, 2));
}

TEST_F(MorphClientTest, GivesUpRatherThanWaitForHours) {
  Answers({WebAnswer(429, "{}", "Retry-After: 7200\r\n")});
  const absl::Status status = client_->ReadPage(kPath, "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("try in 2h"));
  EXPECT_THAT(waits_, IsEmpty());
}

TEST_F(MorphClientTest, GivesUpAfterTheLastAttempt) {
  Answers({WebAnswer(500, R"({"error":"MORPH::UNKNOWN_ERROR","message":"oh"})")});
  const absl::Status status = client_->ReadPage(kPath, "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("HTTP 500 MORPH::UNKNOWN_ERROR: oh"));
  EXPECT_THAT(requests_, SizeIs(4));
}

TEST_F(MorphClientTest, WhatIsRefusedIsNotTriedAgain) {
  const std::vector<std::pair<int, absl::StatusCode>> refusals = {
      {400, absl::StatusCode::kFailedPrecondition},
      {401, absl::StatusCode::kUnauthenticated},
      {403, absl::StatusCode::kPermissionDenied},
      {404, absl::StatusCode::kFailedPrecondition},
      {302, absl::StatusCode::kFailedPrecondition}};
  for (const auto& [http, code] : refusals) {
    Answers({WebAnswer(http, R"({"error":"CONNECTOR::OPERATION::NOT_FOUND","message":"no"})",
                       "Location: http://127.0.0.1:1/\r\n")});
    const absl::Status status = client_->ReadPage(kPath, "").status();
    EXPECT_EQ(status.code(), code) << http;
    EXPECT_THAT(requests_, SizeIs(1));
    EXPECT_TRUE(IsNotOffered(status));
  }
  Answers({WebAnswer(404, R"({"error":"MORPH::CONNECTION::NOT_FOUND"})")});
  EXPECT_FALSE(IsNotOffered(client_->ReadPage(kPath, "").status()));
}

TEST_F(MorphClientTest, NothingThatItSaysHoldsTheSecret) {
  Answers({WebAnswer(403, std::string(R"({"error":"X","message":")") + kSecret + " pk_key " +
                              std::string(1000, 'x') + "\"}")});
  const std::string said = client_->ReadPage(kPath, "").status().ToString();
  EXPECT_THAT(
      said, AllOf(HasSubstr("[secret] [key]"), Not(HasSubstr(kSecret)), Not(HasSubstr("pk_key"))));
  EXPECT_LT(said.size(), 500u) << "a long message is cut";
}

TEST_F(MorphClientTest, CancelEndsAWaitForAnAnswer) {
  absl::Notification asked;
  absl::Notification over;
  Serve([&](const std::string&) {
    asked.Notify();
    over.WaitForNotification();
    return std::string();
  });
  std::thread canceller([&] {
    asked.WaitForNotification();
    client_->Cancel();
  });
  EXPECT_EQ(client_->ReadPage(kPath, "").status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client_->ReadPage(kPath, "").status().code(), absl::StatusCode::kCancelled);
  over.Notify();
  canceller.join();
  web_ = nullptr;  // before what its script refers to
}

TEST(MorphClient, TakesNoAddressThatASecretMustNotGoTo) {
  MorphOptions options;
  options.api_key = options.api_secret = "k";
  options.scope = {"hubspot", "acme"};
  for (const char* url :
       {"", "api.runmorph.dev", "ftp://x", "https://", "http://example.com",
        "https://u:p@example.com", "http://127.0.0.1@example.com", "https://example.com?x=1",
        "https://example.com/ x", "http://localhost.x", "http://127.example.com"}) {
    options.url = url;
    EXPECT_EQ(MorphClient::Make(options).status().code(), absl::StatusCode::kInvalidArgument)
        << url;
  }
  for (const char* url : {"https://api.runmorph.dev", "https://example.com:8443/morph/",
                          "http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"}) {
    options.url = url;
    EXPECT_TRUE(MorphClient::Make(options).ok()) << url;
  }
  options.scope.owner_id = "a\r\nx-evil: 1";
  EXPECT_FALSE(MorphClient::Make(options).ok());
}

TEST(HttpGetter, TakesNoBodyThatIsTooLarge) {
  ScriptedWeb web([](const std::string&) { return WebAnswer(200, "12345678901"); });
  absl::Notification never;
  HttpGetter getter({.body_bytes_max = 10}, never);
  EXPECT_EQ(getter.Get(web.url()).status().code(), absl::StatusCode::kResourceExhausted);
  HttpGetter large({.body_bytes_max = 11}, never);
  EXPECT_EQ(large.Get(web.url())->body, "12345678901");
}

// --- Lists -----------------------------------------------------------------------------------

std::string PageOf(const std::string& ids, const std::string& next) {
  return WebAnswer(200, R"({"data":[)" + ids + R"(],"next":)" + next + "}");
}

class MorphListTest : public MorphClientTest {
 protected:
  // Reads to the end, of the list or of its pages.
  void Read() {
    MorphList list(*client_, kPath);
    ids_.clear();
    for (;;) {
      const auto page = list.Next();
      status_ = page.status();
      complete_ = list.complete();
      if (!page.ok() || !page->has_value()) break;
      for (const std::string& id : IdsOf(**page)) ids_.push_back(id);
    }
    EXPECT_EQ(list.Next().status(), status_) << "what is over stays so";
  }

  std::vector<std::string> ids_;
  absl::Status status_;
  bool complete_ = false;
};

TEST_F(MorphListTest, GoesFromPageToPage) {
  Answers(
      {PageOf(R"({"id":"1"})", R"("b")"), PageOf("", R"("c")"), PageOf(R"({"id":"2"})", "null")});
  Read();
  EXPECT_TRUE(status_.ok() && complete_) << status_;
  EXPECT_THAT(ids_, ElementsAre("1", "2"));
  EXPECT_THAT(requests_[1], HasSubstr("&cursor=b "));
  EXPECT_THAT(requests_[2], HasSubstr("&cursor=c "));
}

TEST_F(MorphListTest, EndsWhereACursorComesAgain) {
  Answers({PageOf(R"({"id":"1"})", R"("b")"), PageOf(R"({"id":"2"})", R"("c")"),
           PageOf(R"({"id":"3"})", R"("b")")});
  Read();
  EXPECT_EQ(status_.code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(complete_);
  EXPECT_THAT(ids_, ElementsAre("1", "2", "3"));
  EXPECT_THAT(requests_, SizeIs(3));
}

TEST_F(MorphListTest, AnEmptyPageThatNamesItselfIsTheEnd) {
  Answers({PageOf(R"({"id":"1"})", R"("b")"), PageOf("", R"("b")")});
  Read();
  EXPECT_TRUE(status_.ok() && complete_) << status_;
}

TEST_F(MorphListTest, LeavesEmptyPagesThatGoOnForEver) {
  int pages = 0;
  Serve([&](const std::string&) { return PageOf("", "\"" + std::to_string(++pages) + "\""); });
  Read();
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_FALSE(complete_);
  EXPECT_LE(pages, 20);
  web_ = nullptr;
}

}  // namespace
}  // namespace tributary
