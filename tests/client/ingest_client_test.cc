// Events into a server that answers, breaks, comes back or says nothing.

#include "client/ingest_client.h"

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/channel.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/live_server.h"
#include "tests/client/scripted_server.h"
#include "tributary/crm/v1/stage.pb.h"

namespace tributary {
namespace {

using ingest::v1::Event;
using ingest::v1::EventResult;
using ingest::v1::IngestEventsRequest;
using ingest::v1::IngestEventsResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Le;
using testing::LiveServer;
using testing::ScriptedAnswer;
using testing::ScriptedServer;
using ::testing::SizeIs;

Event Stage(int number) {
  Event event;
  event.set_connector_id("hubspot");
  event.set_owner_id("acme");
  event.set_client_ref(std::to_string(number));
  crm::v1::Stage& stage = *event.mutable_resource()->mutable_stage();
  stage.set_id("s" + std::to_string(number));
  stage.mutable_fields()->set_name("N");
  stage.mutable_fields()->set_type(crm::v1::Stage::Fields::TYPE_OPEN);
  return event;
}

// Soon again, and not for long.
IngestOptions Impatient() {
  IngestOptions options;
  options.backoff.initial = absl::Milliseconds(1);
  options.backoff.max = absl::Milliseconds(10);
  options.retry_for = absl::Seconds(20);
  return options;
}

// Sees that results come once, in the order of their events.
class Results {
 public:
  IngestClient::OnResult Taker() {
    return [this](const Event& event, const EventResult& result) {
      EXPECT_EQ(event.client_ref(), std::to_string(count_));
      EXPECT_EQ(result.client_ref(), std::to_string(count_));
      EXPECT_TRUE(result.verdict() == ingest::v1::VERDICT_APPLIED ||
                  result.verdict() == ingest::v1::VERDICT_DUPLICATE)
          << result.DebugString();
      revisions_.insert(result.revision());
      ++count_;
    };
  }
  int count() const { return count_; }
  // Of different changes.
  const std::set<int64_t>& revisions() const { return revisions_; }

 private:
  int count_ = 0;
  std::set<int64_t> revisions_;
};

TEST(IngestClient, EachEventHasItsResultInItsOrder) {
  LiveServer server;
  Results results;
  IngestClient client(Connect(server.grpc_address()), results.Taker());
  constexpr int kEvents = 10'000;
  for (int i = 0; i < kEvents; ++i) ASSERT_TRUE(client.Send(Stage(i)).ok());
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_EQ(results.count(), kEvents);
  EXPECT_THAT(results.revisions(), SizeIs(kEvents));
}

TEST(IngestClient, FlushLeavesNothingOpen) {
  LiveServer server;
  Results results;
  IngestClient client(Connect(server.grpc_address()), results.Taker());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(client.Send(Stage(i)).ok());
    ASSERT_TRUE(client.Flush().ok());
    EXPECT_EQ(results.count(), i + 1);
  }
  EXPECT_TRUE(client.Finish().ok());
}

TEST(IngestClient, AServerThatGoesAndComesBackHasEachEventOnce) {
  LiveServer server;
  Results results;
  std::atomic<int> retries = 0;
  IngestOptions options = Impatient();
  options.window_events = 500;
  options.on_retry = [&](const absl::Status&, absl::Duration) { ++retries; };
  IngestClient client(Connect(server.grpc_address()), results.Taker(), options);
  constexpr int kEvents = 4000;
  for (int i = 0; i < kEvents; ++i) {
    if (i % 1000 == 500) server.Restart();
    ASSERT_TRUE(client.Send(Stage(i)).ok());
  }
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_GT(retries, 0);
  EXPECT_EQ(results.count(), kEvents);
  EXPECT_THAT(results.revisions(), SizeIs(kEvents));
  Client<crm::v1::Stage> stages(Connect(server.grpc_address()), {"hubspot", "acme"});
  int held = 0;
  for (const auto& stage : stages.List()) {
    (void)stage;
    ++held;
  }
  EXPECT_EQ(held, kEvents);
}

TEST(IngestClient, SendsAgainOnlyWhatHasNoResult) {
  std::vector<std::string> first_of_each_call;
  // Answers one event of each call, and breaks it.
  ScriptedServer server([&](const std::string&, const std::string& bytes) {
    IngestEventsRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes));
    first_of_each_call.push_back(request.events(0).client_ref());
    IngestEventsResponse response;
    EventResult& result = *response.add_results();
    result.set_client_ref(request.events(0).client_ref());
    result.set_verdict(ingest::v1::VERDICT_APPLIED);
    return ScriptedAnswer{.messages = {response.SerializeAsString()},
                          .status = grpc::Status(grpc::UNAVAILABLE, "gone"),
                          .reason = "SERVER_DRAINING"};
  });
  Results results;
  IngestClient client(Connect(server.address()), results.Taker(), Impatient());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(client.Send(Stage(i)).ok());
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_EQ(results.count(), 4);
  EXPECT_THAT(first_of_each_call, ElementsAre("0", "1", "2", "3"));
}

TEST(IngestClient, AnEventThatIsTooLargeIsNotTakenAndTheRestGoesOn) {
  LiveServer server;
  Results results;
  IngestClient client(Connect(server.grpc_address()), results.Taker());
  Event large = Stage(0);
  large.mutable_resource()->mutable_stage()->mutable_fields()->set_name(
      std::string(IngestClient::kEventBytesMax, 'x'));
  EXPECT_EQ(client.Send(large).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(client.Send(Stage(0)).ok());
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_EQ(results.count(), 1);
}

TEST(IngestClient, WhatTheServerRefusesIsTheEnd) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return ScriptedAnswer{.status = grpc::Status(grpc::INVALID_ARGUMENT, "no"),
                          .reason = "ARGUMENT_INVALID"};
  });
  Results results;
  IngestClient client(Connect(server.address()), results.Taker(), Impatient());
  (void)client.Send(Stage(0));
  EXPECT_EQ(client.Finish().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.Send(Stage(1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(results.count(), 0);
}

TEST(IngestClient, AServerThatSaysNothingIsGivenUp) {
  ScriptedServer server(
      [](const std::string&, const std::string&) { return ScriptedAnswer{.stalls = true}; });
  Results results;
  IngestOptions options = Impatient();
  options.silence_max = absl::Milliseconds(20);
  options.retry_for = absl::Milliseconds(100);
  IngestClient client(Connect(server.address()), results.Taker(), options);
  (void)client.Send(Stage(0));
  const absl::Status status = client.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("said nothing"));
}

TEST(IngestClient, CancelEndsAWaitForRoom) {
  std::atomic<bool> asked = false;
  ScriptedServer server([&](const std::string&, const std::string&) {
    asked = true;
    asked.notify_all();
    return ScriptedAnswer{.stalls = true};
  });
  Results results;
  IngestOptions options;
  options.window_events = 1;
  IngestClient client(Connect(server.address()), results.Taker(), options);
  std::thread cancelling([&] {
    asked.wait(false);
    client.Cancel();
  });
  EXPECT_EQ(client.Send(Stage(0)).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client.Finish().code(), absl::StatusCode::kCancelled);
  cancelling.join();
}

TEST(IngestClient, HoldsNoMoreThanItsWindow) {
  LiveServer server;
  int open = 0;
  int most = 0;
  IngestOptions options;
  options.window_events = 10;
  IngestClient client(
      Connect(server.grpc_address()), [&](const Event&, const EventResult&) { --open; }, options);
  for (int i = 0; i < 200; ++i) {
    ++open;
    ASSERT_TRUE(client.Send(Stage(i)).ok());
    most = std::max(most, open);
  }
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_THAT(most, Le(10));
  EXPECT_EQ(open, 0);
}

}  // namespace
}  // namespace tributary
