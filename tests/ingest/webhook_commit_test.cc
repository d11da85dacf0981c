#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ingest/ingest_fixture.h"

// What becomes of webhooks when the store is slow, full or stops, and when the server does.
namespace tributary::testing {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMoment{100};

using WebhookCommitTest = IngestTest;

TEST_F(WebhookCommitTest, AnswersOnlyAfterTheCommit) {
  StartServer();
  store_->Hold();
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook(WorkspaceBody("w", "Acme")).Text()));
  ASSERT_TRUE(store_->WaitForCommits(1));
  EXPECT_FALSE(client.HasNews(kMoment));
  store_->Release();
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(published_, 1u);
  EXPECT_EQ(HeadRevision(), 1);
}

TEST_F(WebhookCommitTest, ACommitMayTakeLongerThanAnyTimeOut) {
  StartServer({.read_time_max = milliseconds(50), .idle_time_max = milliseconds(50)});
  store_->Hold();
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook(WorkspaceBody("w", "Acme")).Text()));
  EXPECT_FALSE(client.HasNews(milliseconds(300)));
  store_->Release();
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).status, 200);
}

TEST_F(WebhookCommitTest, SendersThatLeaveBeforeTheirAnswerDoNoHarm) {
  StartServer();
  store_->Hold();
  for (int i = 0; i < 20; ++i) {
    HttpClient client(port());
    ASSERT_TRUE(
        client.Send(Webhook(WorkspaceBody(std::to_string(i), "Acme"), std::to_string(i)).Text()));
  }
  ASSERT_TRUE(store_->WaitForCommits(1));
  store_->Release();
  EXPECT_EQ(Ask(Webhook(WorkspaceBody("last", "Acme"), "last")).status, 200);
}

TEST_F(WebhookCommitTest, AFullQueueIs503WithATimeToRetry) {
  StartServer({}, {.deliveries_max = 1});
  store_->Hold();
  HttpClient committing(port());
  ASSERT_TRUE(committing.Send(Webhook(WorkspaceBody("a", "A"), "a").Text()));
  ASSERT_TRUE(store_->WaitForCommits(1));
  // One of these waits in the queue, the other finds it full.
  HttpClient left(port());
  HttpClient right(port());
  ASSERT_TRUE(left.Send(Webhook(WorkspaceBody("b", "B"), "b").Text()));
  ASSERT_TRUE(right.Send(Webhook(WorkspaceBody("c", "C"), "c").Text()));
  const auto begun = std::chrono::steady_clock::now();
  bool is_left = false;
  while (!(is_left = left.HasNews(milliseconds(5))) && !right.HasNews(milliseconds(5))) {
    ASSERT_LT(std::chrono::steady_clock::now() - begun, HttpClient::kPatience);
  }
  const auto refused = (is_left ? left : right).Receive();
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->Json()["reason"], "OVERLOADED");
  EXPECT_EQ(refused->Header("retry-after"), "1");
  EXPECT_EQ(refused->Header("content-type"), "application/problem+json");
  store_->Release();
  EXPECT_EQ(committing.Receive().value_or(HttpReply{}).status, 200);
  EXPECT_EQ((is_left ? right : left).Receive().value_or(HttpReply{}).status, 200);
}

TEST_F(WebhookCommitTest, AStoreThatCannotWriteIs503AndTheRetryNeitherLosesNorDoubles) {
  StartServer();
  const HttpRequest request = Webhook(WorkspaceBody("a", "A"));
  store_->FailNext(
      MakeError(absl::StatusCode::kUnavailable, "the disk is full", reason::kStoreUnavailable));
  const HttpReply failed = Ask(request);
  EXPECT_EQ(failed.status, 503);
  EXPECT_EQ(failed.Json()["reason"], "STORE_UNAVAILABLE");
  EXPECT_FALSE(failed.Header("retry-after").empty());
  EXPECT_EQ(HeadRevision(), 0);
  EXPECT_EQ(Ask(request).Json()["verdict"], "APPLIED");
  const HttpReply again = Ask(request);
  EXPECT_EQ(again.Json()["verdict"], "DUPLICATE");
  EXPECT_EQ(again.Json()["revision"], 1);
  EXPECT_EQ(HeadRevision(), 1);
}

TEST_F(WebhookCommitTest, DrainingAnswersWhatWasReadAndRefusesTheRest) {
  StartServer();
  HttpClient other(port());
  ASSERT_TRUE(other.Ask(Get("/readyz").Text()).has_value());
  HttpClient third(port());
  ASSERT_TRUE(third.Ask(Get("/readyz").Text()).has_value());
  store_->Hold();
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook(WorkspaceBody("a", "A")).Text()));
  ASSERT_TRUE(store_->WaitForCommits(1));
  server_->Drain();
  const auto refused = other.Ask(Webhook(WorkspaceBody("b", "B")).Text());
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->Json()["reason"], "SERVER_DRAINING");
  EXPECT_FALSE(refused->Header("retry-after").empty());
  EXPECT_TRUE(other.IsEnded());
  EXPECT_EQ(third.Ask(Get("/readyz").Text()).value_or(HttpReply{}).status, 503);
  store_->Release();
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->Header("connection"), "close");
  server_->Stop(HttpClient::kPatience);
  EXPECT_FALSE(HttpClient(port()).connected());
}

TEST_F(WebhookCommitTest, StopWaitsForAnswersUnderWay) {
  StartServer();
  store_->Hold();
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook(WorkspaceBody("a", "A")).Text()));
  ASSERT_TRUE(store_->WaitForCommits(1));
  std::thread stopping([&] { server_->Stop(HttpClient::kPatience); });
  EXPECT_FALSE(client.HasNews(kMoment));
  store_->Release();
  EXPECT_EQ(client.Receive().value_or(HttpReply{}).status, 200);
  stopping.join();
}

TEST_F(WebhookCommitTest, StopGivesUpAfterTheGraceAndALateCommitFindsNobody) {
  StartServer();
  store_->Hold();
  HttpClient client(port());
  ASSERT_TRUE(client.Send(Webhook(WorkspaceBody("a", "A")).Text()));
  HttpClient idle(port());
  HttpClient half(port());
  ASSERT_TRUE(half.Send("POST /we"));
  ASSERT_TRUE(store_->WaitForCommits(1));
  server_->Stop(milliseconds(50));
  EXPECT_TRUE(client.IsEnded());
  EXPECT_TRUE(half.IsEnded());
  server_.reset();
  store_->Release();
  committer_->Shutdown();
  EXPECT_EQ(HeadRevision(), 1);
}

}  // namespace
}  // namespace tributary::testing
