#include "server/ingest/webhook_server.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ingest/ingest_fixture.h"

namespace tributary::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// Long enough to see that nothing comes, short enough to be spent in every run.
constexpr milliseconds kMoment{100};

using WebhookServerTest = IngestTest;

TEST_F(WebhookServerTest, AConnectionServesRequestAfterRequest) {
  StartServer();
  HttpClient client(port());
  for (int i = 0; i < 5; ++i) {
    const std::string id = std::to_string(i);
    const auto reply = client.Ask(Webhook(WorkspaceBody(id, "Acme"), id).Text());
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->Json()["revision"], i + 1);
  }
}

TEST_F(WebhookServerTest, PipelinedRequestsAreAnsweredInOrder) {
  StartServer();
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook(WorkspaceBody("a", "A"), "1").Text() + Get("/nowhere").Text() +
                          Webhook(WorkspaceBody("b", "B"), "2").Text()));
  const auto first = client.Receive();
  const auto second = client.Receive();
  const auto third = client.Receive();
  ASSERT_TRUE(first.has_value() && second.has_value() && third.has_value());
  EXPECT_EQ(first->Json()["revision"], 1);
  EXPECT_EQ(second->status, 404);
  EXPECT_EQ(third->Json()["revision"], 2);
}

TEST_F(WebhookServerTest, ThousandsOfPipelinedRequestsAreAnswered) {
  StartServer();
  HttpClient client(port());
  constexpr int kRequests = 5000;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += Get("/healthz").Text();
  std::thread sending([&] { client.Send(requests); });
  int answered = 0;
  while (answered < kRequests && client.Receive().value_or(HttpReply{}).status == 200) ++answered;
  sending.join();
  EXPECT_EQ(answered, kRequests);
}

TEST_F(WebhookServerTest, AnswersThatTheSocketHasNoRoomForAreWrittenLater) {
  StartServer();
  HttpClient client(port());
  // Nobody reads until all is sent: one side has to wait for the other, and does so without loss.
  const std::string request = Get("/" + std::string(1000, 'x')).Text();
  constexpr int kRequests = 4000;
  std::thread sending([&] {
    for (int i = 0; i < kRequests; ++i) client.Send(request);
  });
  EXPECT_TRUE(client.HasNews(HttpClient::kPatience));
  int answered = 0;
  while (answered < kRequests && client.Receive().value_or(HttpReply{}).status == 404) ++answered;
  sending.join();
  EXPECT_EQ(answered, kRequests);
}

TEST_F(WebhookServerTest, EveryThreadServesItsConnections) {
  StartServer({.threads = 3});
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 7; ++i) clients.push_back(std::make_unique<HttpClient>(port()));
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < clients.size(); ++i) {
      const std::string id = std::to_string(round) + "-" + std::to_string(i);
      ASSERT_TRUE(clients[i]->Send(Webhook(WorkspaceBody(id, "Acme"), id).Text()));
    }
    for (const auto& client : clients) {
      EXPECT_EQ(client->Receive().value_or(HttpReply{}).Json()["verdict"], "APPLIED");
    }
  }
  server_->Stop(HttpClient::kPatience);
  for (const auto& client : clients) EXPECT_TRUE(client->IsEnded());
}

TEST_F(WebhookServerTest, ARequestMayArriveByteByByteOrInChunks) {
  StartServer();
  HttpClient client(port());
  const std::string body = WorkspaceBody("a", "A");
  for (const char byte : Webhook(body, "1").Text()) ASSERT_TRUE(client.Send({&byte, 1}));
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).status, 200);

  std::string chunked = Webhook("", "2").With("transfer-encoding", "chunked").Head() + "\r\n";
  for (const char byte : WorkspaceBody("b", "B"))
    chunked += std::string("1;x=y\r\n") + byte + "\r\n";
  ASSERT_TRUE(client.Send(chunked + "0\r\nx-owner-id: someone-else\r\n\r\n"));
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).status, 200);
  const auto stored = sqlite_->Get({"genericWorkspace", "hubspot", "acme", "b"}, false);
  TRIBUTARY_ASSERT_OK(stored);
  EXPECT_TRUE(stored->has_value()) << "a trailer is no header";
}

TEST_F(WebhookServerTest, ClosesAfterTheAnswerIfAskedTo) {
  StartServer();
  HttpClient client(port());
  const auto reply = client.Ask(Get("/healthz").With("connection", "close").Text());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->Header("connection"), "close");
  EXPECT_TRUE(client.IsEnded());
}

TEST_F(WebhookServerTest, SaysContinueBeforeABodyThatIsWaitedFor) {
  StartServer();
  HttpClient client(port());
  const std::string body = WorkspaceBody("a", "A");
  const HttpRequest request = Webhook(body)
                                  .With("expect", "100-continue")
                                  .With("content-length", std::to_string(body.size()));
  ASSERT_TRUE(client.Send(request.Head() + "\r\n"));
  const auto go = client.Receive();
  ASSERT_TRUE(go.has_value());
  EXPECT_EQ(go->status, 100);
  ASSERT_TRUE(client.Send(body));
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).status, 200);
}

TEST_F(WebhookServerTest, DoesNotSayContinueToWhatItWillRefuse) {
  StartServer({.body_bytes_max = 1000});
  const HttpRequest request = Webhook("").With("expect", "100-continue");
  HttpClient large(port());
  EXPECT_EQ(large.Ask(request.With("content-length", "1001").Head() + "\r\n")
                .value_or(HttpReply{})
                .status,
            413);
  EXPECT_TRUE(large.IsEnded());
  HttpClient nameless(port());
  EXPECT_EQ(nameless.Ask(request.Without("x-owner-id").With("content-length", "9").Head() + "\r\n")
                .value_or(HttpReply{})
                .status,
            400);
  EXPECT_TRUE(nameless.IsEnded());
  HttpClient other(port());
  EXPECT_EQ(other.Ask(Webhook("").With("expect", "tea").With("content-length", "9").Head() + "\r\n")
                .value_or(HttpReply{})
                .status,
            417);
}

TEST_F(WebhookServerTest, ABodyAtTheLimitIsReadAndOnePastItIsNot) {
  const std::string body = WorkspaceBody("a", "A");
  StartServer({.body_bytes_max = body.size()});
  EXPECT_EQ(Ask(Webhook(body)).status, 200);
  HttpClient client(port());
  const auto reply = client.Ask(Webhook(body + " ").Text());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 413);
  EXPECT_EQ(reply->Json()["reason"], "BODY_TOO_LARGE");
  EXPECT_EQ(reply->Header("connection"), "close");
  EXPECT_TRUE(client.IsEnded());
}

TEST_F(WebhookServerTest, AChunkedBodyIsCutOffAtTheLimit) {
  StartServer({.body_bytes_max = 10'000});
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook("").With("transfer-encoding", "chunked").Head() + "\r\n"));
  const std::string chunk = "400\r\n" + std::string(1024, ' ') + "\r\n";
  for (int i = 0; i < 10 && !client.HasNews(milliseconds(0)); ++i) client.Send(chunk);
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 413);
}

TEST_F(WebhookServerTest, TheAnswerToATooLargeBodyReachesASenderThatIsStillSending) {
  StartServer();
  HttpClient client(port());
  const auto reply = client.Ask(Webhook(std::string(8 * 1024 * 1024, ' ')).Text());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 413);
}

TEST_F(WebhookServerTest, HeadersHaveALimit) {
  StartServer();
  HttpClient client(port());
  const auto reply = client.Ask(Get("/healthz").With("x-filler", std::string(20'000, 'x')).Text());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 431);
  EXPECT_EQ(reply->Json()["reason"], "HEADERS_TOO_LARGE");
}

TEST_F(WebhookServerTest, AChunkExtensionWithoutEndIsCutOff) {
  StartServer();
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook("").With("transfer-encoding", "chunked").Head() + "\r\n1;" +
                          std::string(100'000, 'x')));
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 400);
}

TEST_F(WebhookServerTest, ASlowSenderIsCutOff) {
  StartServer({.read_time_max = milliseconds(150)});
  for (const char* start :
       {"POST /web", "POST /webhooks HTTP/1.1\r\ncontent-length: 10\r\n\r\n{"}) {
    HttpClient client(port());
    const auto reply = client.Ask(start);
    ASSERT_TRUE(reply.has_value()) << start;
    EXPECT_EQ(reply->status, 408);
    EXPECT_EQ(reply->Json()["reason"], "REQUEST_TIMEOUT");
    EXPECT_TRUE(client.IsEnded());
  }
}

TEST_F(WebhookServerTest, ASenderThatDripsIsCutOffToo) {
  StartServer({.read_time_max = milliseconds(150)});
  HttpClient client(port());
  ASSERT_TRUE(client.Send("POST /webhooks HTTP/1.1\r\n"));
  const auto begun = std::chrono::steady_clock::now();
  while (!client.HasNews(milliseconds(5)) &&
         std::chrono::steady_clock::now() - begun < std::chrono::seconds(20)) {
    client.Send("x: y\r\n");
  }
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).status, 408);
}

TEST_F(WebhookServerTest, TheTimeOfOneRequestDoesNotCountForTheNext) {
  StartServer({.read_time_max = milliseconds(300)});
  HttpClient client(port());
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(client.Ask(Get("/healthz").Text()).value_or(HttpReply{}).status, 200);
    EXPECT_FALSE(client.HasNews(kMoment));
  }
}

TEST_F(WebhookServerTest, AnIdleConnectionIsClosed) {
  StartServer({.idle_time_max = milliseconds(150)});
  HttpClient silent(port());
  EXPECT_TRUE(silent.IsEnded());
  HttpClient served(port());
  EXPECT_EQ(served.Ask(Get("/healthz").Text()).value_or(HttpReply{}).status, 200);
  EXPECT_TRUE(served.IsEnded());
}

TEST_F(WebhookServerTest, ConnectionsPastTheCapWaitForOneToClose) {
  StartServer({.connections_max = 2});
  HttpClient first(port());
  HttpClient second(port());
  for (HttpClient* client : {&first, &second}) {
    EXPECT_EQ(client->Ask(Get("/healthz").Text()).value_or(HttpReply{}).status, 200);
  }
  HttpClient third(port());
  ASSERT_TRUE(third.Send(Get("/healthz").Text()));
  EXPECT_FALSE(third.HasNews(kMoment));
  first.Close();
  EXPECT_EQ(third.Receive().value_or(HttpReply{}).status, 200);
}

TEST_F(WebhookServerTest, WhatIsNoHttpIsRefusedAndTheProcessGoesOn) {
  StartServer();
  const std::string garbage[] = {
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(200, '\xff'),
      std::string(300, '\0'),
      "GET / HTTP/3.7\r\n\r\n",
      "\r\n\r\n",
      "POST /webhooks HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
      "POST /webhooks HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
      "POST /webhooks HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /webhooks HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
      "POST /webhooks HTTP/1.1\r\nx-owner-id: a\x7f"
      "b\r\n\r\n",
  };
  for (const std::string& bytes : garbage) {
    HttpClient client(port());
    const auto reply = client.Ask(bytes);
    ASSERT_TRUE(reply.has_value()) << bytes;
    EXPECT_EQ(reply->status, 400) << bytes;
    EXPECT_EQ(reply->Json()["reason"], "REQUEST_MALFORMED") << bytes;
    EXPECT_TRUE(client.IsEnded()) << bytes;
  }
  EXPECT_EQ(Ask(Get("/healthz")).status, 200);
}

TEST_F(WebhookServerTest, ATransferCodingThatIsNotUndoneEndsTheConnection) {
  StartServer();
  HttpClient client(port());
  const auto reply = client.Ask(Webhook("").With("transfer-encoding", "gzip").Head() +
                                "\r\nGET /healthz HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 501);
  EXPECT_TRUE(client.IsEnded());
}

TEST_F(WebhookServerTest, ARequestThatEndsEarlyIsNeverCommitted) {
  StartServer();
  HttpClient client(port());
  const std::string text = Webhook(WorkspaceBody("w", "Acme")).Text();
  ASSERT_TRUE(client.Send(text.substr(0, text.size() - 1)));
  client.EndSending();
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).status, 400);
  EXPECT_TRUE(store_->batches().empty());
}

TEST_F(WebhookServerTest, HealthAndReadiness) {
  StartServer();
  const HttpReply health = Ask(Get("/healthz"));
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, R"({"status":"ok"})");
  EXPECT_EQ(Ask(Get("/readyz")).status, 200);
  ready_ = false;
  const HttpReply waiting = Ask(Get("/readyz"));
  EXPECT_EQ(waiting.status, 503);
  EXPECT_EQ(waiting.Json()["reason"], "NOT_READY");
  EXPECT_EQ(Ask(Get("/healthz")).status, 200);
}

TEST_F(WebhookServerTest, HeadIsGetWithoutTheBody) {
  StartServer();
  HttpClient client(port());
  HttpRequest request = Get("/healthz");
  request.method = "HEAD";
  ASSERT_TRUE(client.Send(request.Text() + Get("/healthz").Text()));
  const auto bare = client.Receive(/*bare=*/true);
  ASSERT_TRUE(bare.has_value());
  EXPECT_EQ(bare->status, 200);
  EXPECT_EQ(bare->Header("content-length"), "15");
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).body.size(), 15u);
}

TEST_F(WebhookServerTest, RequestIdsAreEchoedOrMade) {
  StartServer();
  EXPECT_EQ(Ask(Get("/healthz").With("x-request-id", "abc-1")).Header("x-request-id"), "abc-1");
  const std::string made = Ask(Get("/healthz")).Header("x-request-id");
  EXPECT_FALSE(made.empty());
  EXPECT_NE(made, Ask(Get("/healthz")).Header("x-request-id"));
  EXPECT_NE(Ask(Get("/healthz").With("x-request-id", "a b")).Header("x-request-id"), "a b");
  EXPECT_LT(Ask(Get("/healthz").With("x-request-id", std::string(500, 'x')))
                .Header("x-request-id")
                .size(),
            100u);
}

TEST_F(WebhookServerTest, AnAddressThatCannotBeUsedIsSaidInWords) {
  StartServer();
  const std::string taken = "127.0.0.1:" + std::to_string(port());
  for (const auto& [address, words] :
       std::vector<std::pair<std::string, std::string>>{{taken, "in use"},
                                                        {"nowhere", "host:port"},
                                                        {"127.0.0.1:http", "number"},
                                                        {"127.0.0.1:70000", "number"}}) {
    const auto server = WebhookServer::Start({.address = address}, *decoder_, *committer_, cards_,
                                             clock_, [] { return true; });
    EXPECT_THAT(server, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(words)))
        << address;
  }
  EXPECT_EQ(Ask(Get("/healthz")).status, 200);
}

}  // namespace
}  // namespace tributary::testing
