// Webhooks that want cards: the answer joins the commit and a receiver's answer.

#include <chrono>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/cards/hands.h"
#include "tests/ingest/http_client.h"
#include "tests/ingest/ingest_fixture.h"

namespace tributary::testing {
namespace {

using std::chrono::milliseconds;

constexpr char kNoCards[] = R"({"cards": []})";
constexpr char kCards[] = R"({"cards":[{"title":"Usage","contents":[]}]})";

std::string ViewBody(const std::string& id = "1", const std::string& trigger = "created") {
  return R"({"event":"widgetCardView::)" + trigger +
         R"(","data":{"model":"widgetCardView","id":")" + id + R"(","fields":{}}})";
}

class WebhookCardsTest : public IngestTest {
 protected:
  void StartWith(milliseconds timeout) {
    WebhookServerOptions options;
    options.card_view_timeout = timeout;
    StartServer(options);
  }

  std::shared_ptr<Hands> Receive() {
    auto hands = std::make_shared<Hands>();
    EXPECT_THAT(cards_.Join({}, 10, hands), IsOk());
    return hands;
  }

  static void Expect(HttpClient& client, int status, const std::string& body,
                     const std::string& verdict) {
    const HttpReply reply = client.Receive().value_or(HttpReply{});
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_EQ(reply.body, body);
    EXPECT_EQ(reply.Header("x-tributary-verdict"), verdict);
  }

  // Longer than any test: what passes does not by this.
  static constexpr milliseconds kForEver{60'000};
};

TEST_F(WebhookCardsTest, TheAnswerWaitsForTheCommitAndForTheCards) {
  StartWith(kForEver);
  const auto receiver = Receive();
  store_->Hold();
  HttpClient client(port());
  client.Send(Webhook(ViewBody()).Text());
  // It is asked before it is on disk.
  TRIBUTARY_ASSERT_OK(cards_.Answer(receiver->WaitForToken(1), kCards));
  EXPECT_FALSE(client.HasNews(milliseconds(50)));
  store_->Release();
  Expect(client, 200, kCards, "APPLIED");

  client.Send(Webhook(ViewBody("2"), "key-2").Text());
  const std::string token = receiver->WaitForToken(2);
  ASSERT_TRUE(store_->WaitForCommits(2));
  EXPECT_FALSE(client.HasNews(milliseconds(50)));
  TRIBUTARY_ASSERT_OK(cards_.Answer(token, kCards));
  Expect(client, 200, kCards, "APPLIED");
}

TEST_F(WebhookCardsTest, ARepeatedWebhookIsAskedAgain) {
  StartWith(kForEver);
  const auto receiver = Receive();
  HttpClient client(port());
  for (size_t i = 1; i <= 2; ++i) {
    client.Send(Webhook(ViewBody(), "one key").Text());
    TRIBUTARY_ASSERT_OK(cards_.Answer(receiver->WaitForToken(i), kCards));
    Expect(client, 200, kCards, i == 1 ? "APPLIED" : "DUPLICATE");
  }
}

TEST_F(WebhookCardsTest, AWebhookThatIsNotStoredIs503WhateverItsReceiverSays) {
  StartWith(kForEver);
  const auto receiver = Receive();
  store_->Hold();
  store_->FailNext(MakeError(absl::StatusCode::kUnavailable, "full", reason::kStoreUnavailable));
  HttpClient client(port());
  client.Send(Webhook(ViewBody()).Text());
  TRIBUTARY_ASSERT_OK(cards_.Answer(receiver->WaitForToken(1), kCards));
  store_->Release();
  const HttpReply reply = client.Receive().value_or(HttpReply{});
  EXPECT_EQ(reply.status, 503);
  EXPECT_FALSE(reply.Header("retry-after").empty());

  // Nor does the failure wait for the cards.
  store_->FailNext(MakeError(absl::StatusCode::kUnavailable, "full", reason::kStoreUnavailable));
  EXPECT_EQ(client.Ask(Webhook(ViewBody(), "key-2").Text()).value_or(HttpReply{}).status, 503);
  EXPECT_THAT(cards_.Answer(receiver->WaitForToken(2), kCards),
              HasReason("CARD_VIEW_DEADLINE_PASSED"));
}

TEST_F(WebhookCardsTest, WithoutAReceiverTheAnswerIsThereAtOnce) {
  StartWith(kForEver);
  HttpClient client(port());
  client.Send(Webhook(ViewBody()).Text());
  Expect(client, 200, kNoCards, "APPLIED");
}

TEST_F(WebhookCardsTest, AReceiverThatIsTooSlowIsNotWaitedForAndTheConnectionGoesOn) {
  StartWith(milliseconds(100));
  const auto receiver = Receive();
  HttpClient client(port());
  const Stopwatch waited;
  client.Send(Webhook(ViewBody()).Text());
  Expect(client, 200, kNoCards, "APPLIED");
  EXPECT_GE(waited.elapsed(), milliseconds(100));
  EXPECT_THAT(cards_.Answer(receiver->WaitForToken(1), kCards),
              HasReason("CARD_VIEW_DEADLINE_PASSED"));
  // What came too late does not answer what comes next.
  client.Send(Webhook(ViewBody("2"), "key-2").Text());
  TRIBUTARY_EXPECT_OK(cards_.Answer(receiver->WaitForToken(2), R"({"cards":[]})"));
  Expect(client, 200, R"({"cards":[]})", "APPLIED");
}

TEST_F(WebhookCardsTest, TheTimeOutIsOfTheCardsNotOfTheCommit) {
  StartWith(milliseconds(50));
  const auto receiver = Receive();
  store_->Hold();
  HttpClient client(port());
  client.Send(Webhook(ViewBody()).Text());
  ASSERT_NE(receiver->WaitForToken(1), "");
  EXPECT_FALSE(client.HasNews(milliseconds(150)));
  store_->Release();
  Expect(client, 200, kNoCards, "APPLIED");
}

TEST_F(WebhookCardsTest, NobodyIsAskedForWhatIsRefusedUnknownOrDeleted) {
  StartWith(kForEver);
  const auto receiver = Receive();
  HttpClient client(port());
  client.Send(Webhook(R"({"event":"widgetCardView::created","data":{}})", "1").Text());
  Expect(client, 200, kNoCards, "REJECTED");
  client.Send(Webhook(ViewBody("1", "opened"), "2").Text());
  Expect(client, 200, kNoCards, "PARKED");
  client.Send(Webhook(ViewBody("1", "deleted"), "3").Text());
  Expect(client, 200, kNoCards, "APPLIED");
  EXPECT_TRUE(receiver->tokens().empty());
}

TEST_F(WebhookCardsTest, DrainingAnswersWhatWaits) {
  StartWith(kForEver);
  const auto receiver = Receive();
  HttpClient client(port());
  client.Send(Webhook(ViewBody()).Text());
  ASSERT_NE(receiver->WaitForToken(1), "");
  server_->Drain();
  cards_.Drain();
  Expect(client, 200, kNoCards, "APPLIED");
  server_->Stop(milliseconds(20'000));
}

TEST_F(WebhookCardsTest, AConnectionThatEndsLeavesNothingBehind) {
  StartWith(kForEver);
  const auto receiver = Receive();
  {
    HttpClient client(port());
    client.Send(Webhook(ViewBody()).Text());
    ASSERT_NE(receiver->WaitForToken(1), "");
  }
  EXPECT_THAT(cards_.Answer(receiver->WaitForToken(1), kCards), IsOk());
  HttpClient client(port());
  client.Send(Webhook(ViewBody("2"), "key-2").Text());
  TRIBUTARY_EXPECT_OK(cards_.Answer(receiver->WaitForToken(2), kCards));
  Expect(client, 200, kCards, "APPLIED");
  EXPECT_EQ(cards_.TakeSurvey().in_hand, 0u);
}

}  // namespace
}  // namespace tributary::testing
