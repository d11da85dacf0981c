// The client against a server that behaves badly, or as no server of ours would.

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/scripted_server.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary {
namespace {

using crm::v1::Opportunity;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ScriptedAnswer;
using testing::ScriptedServer;
using ::testing::SizeIs;

const grpc::Status kAway(grpc::StatusCode::UNAVAILABLE, "away");

std::string Deal(const std::string& id) {
  Opportunity deal;
  deal.set_id(id);
  return deal.SerializeAsString();
}

std::string WatchResponse(std::vector<std::string> ids, const std::string& token) {
  crm::v1::WatchOpportunitiesResponse response;
  for (const std::string& id : ids) {
    auto& change = *response.add_changes();
    change.set_type(v1::CHANGE_TYPE_CREATED);
    change.mutable_resource()->set_id(id);
  }
  response.set_resume_token(token);
  return response.SerializeAsString();
}

// Answers the first call with the first answer, and so on; keeps what was asked.
class Conversation {
 public:
  explicit Conversation(std::vector<ScriptedAnswer> answers) : answers_(std::move(answers)) {}

  ScriptedServer::Script Script() {
    return [this](const std::string& method, const std::string& request) {
      const std::lock_guard lock(mutex_);
      methods_.push_back(method);
      requests_.push_back(request);
      return answers_.at(std::min(requests_.size(), answers_.size()) - 1);
    };
  }

  template <typename Request>
  Request Asked(size_t call) {
    const std::lock_guard lock(mutex_);
    Request request;
    EXPECT_TRUE(request.ParseFromString(requests_.at(call)));
    return request;
  }
  std::vector<std::string> methods() {
    const std::lock_guard lock(mutex_);
    return methods_;
  }

 private:
  const std::vector<ScriptedAnswer> answers_;
  std::mutex mutex_;
  std::vector<std::string> methods_;
  std::vector<std::string> requests_;
};

// Patient enough for a test that fails, and no more.
WatchOptions Brief() {
  WatchOptions options;
  options.patience.backoff.initial = absl::Milliseconds(1);
  options.patience.retry_for = absl::Seconds(20);
  return options;
}

TEST(ResourceClient, AsksTheServiceOfItsResource) {
  Conversation conversation({{{Deal("311")}}});
  ScriptedServer server(conversation.Script());
  const Client<Opportunity> deals(Connect(server.address()), {"hubspot", "acme"});
  const auto deal = deals.Get("311", {.view = v1::VIEW_FULL});
  ASSERT_TRUE(deal.ok()) << deal.status();
  EXPECT_EQ(deal->id(), "311");
  EXPECT_THAT(conversation.methods(),
              ElementsAre("/tributary.crm.v1.OpportunityService/GetOpportunity"));
  const auto asked = conversation.Asked<crm::v1::GetOpportunityRequest>(0);
  EXPECT_EQ(asked.connector_id(), "hubspot");
  EXPECT_EQ(asked.owner_id(), "acme");
  EXPECT_EQ(asked.id(), "311");
  EXPECT_EQ(asked.view(), v1::VIEW_FULL);
}

TEST(ResourceClient, AsksForARevisionAndReferencesInEveryRead) {
  Conversation conversation({{{Deal("311")}}, {{""}}, {{""}}});
  ScriptedServer server(conversation.Script());
  const Client<Opportunity> deals(Connect(server.address()), {"hubspot", "acme"});
  const ReadOptions options{.read_revision = 7, .expand = {"stage", "contacts"}};
  const std::vector<std::string> ids = {"311"};
  EXPECT_TRUE(deals.Get("311", options).ok());
  EXPECT_TRUE(deals.BatchGet(ids, options).ok());
  auto list = deals.List({.filter = "amount > 1",
                          .order_by = "amount desc",
                          .read_revision = 7,
                          .expand = {"stage", "contacts"}});
  EXPECT_EQ(list.begin(), list.end());
  const auto get = conversation.Asked<crm::v1::GetOpportunityRequest>(0);
  EXPECT_EQ(get.read_revision(), 7);
  EXPECT_THAT(get.expand(), ElementsAre("stage", "contacts"));
  const auto batch_get = conversation.Asked<crm::v1::BatchGetOpportunitiesRequest>(1);
  EXPECT_EQ(batch_get.read_revision(), 7);
  EXPECT_THAT(batch_get.expand(), ElementsAre("stage", "contacts"));
  const auto listed = conversation.Asked<crm::v1::ListOpportunitiesRequest>(2);
  EXPECT_EQ(listed.read_revision(), 7);
  EXPECT_THAT(listed.expand(), ElementsAre("stage", "contacts"));
  EXPECT_EQ(listed.filter(), "amount > 1");
  EXPECT_EQ(listed.order_by(), "amount desc");
}

TEST(ResourceClient, AsksForTheNewestIfNoRevisionIsGiven) {
  Conversation conversation({{{Deal("311")}}});
  ScriptedServer server(conversation.Script());
  EXPECT_TRUE(Client<Opportunity>(Connect(server.address())).Get("311").ok());
  EXPECT_FALSE(conversation.Asked<crm::v1::GetOpportunityRequest>(0).has_read_revision());
}

TEST(ResourceClient, AsksAgainWhileTheServerIsAway) {
  Conversation conversation({{{}, kAway}, {{}, kAway}, {{Deal("311")}}});
  ScriptedServer server(conversation.Script());
  const Client<Opportunity> deals(Connect(server.address()));
  EXPECT_TRUE(deals.Get("311").ok());
  EXPECT_THAT(conversation.methods(), SizeIs(3));
}

TEST(ResourceClient, GivesTheReasonOfARefusalAndDoesNotAskAgain) {
  Conversation conversation(
      {{{}, grpc::Status(grpc::StatusCode::NOT_FOUND, "gone"), "RESOURCE_DELETED"}});
  ScriptedServer server(conversation.Script());
  const auto deal = Client<Opportunity>(Connect(server.address())).Get("311");
  EXPECT_EQ(deal.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(deal.status()), "RESOURCE_DELETED");
  EXPECT_THAT(conversation.methods(), SizeIs(1));
}

TEST(ResourceClient, GivesUpOnACallAtItsDeadline) {
  Conversation conversation({{.messages = {}, .stalls = true}});
  ScriptedServer server(conversation.Script());
  const Client<Opportunity> deals(Connect(server.address()), {},
                                  {.timeout = absl::Milliseconds(200)});
  EXPECT_EQ(deals.Get("311").status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ResourceClient, SaysThatNoServerIsThere) {
  std::string address;
  {
    const ScriptedServer gone(
        [](const std::string&, const std::string&) { return ScriptedAnswer(); });
    address = gone.address();
  }
  const Client<Opportunity> deals(Connect(address), {}, {.timeout = absl::Seconds(2)});
  EXPECT_EQ(deals.Get("311").status().code(), absl::StatusCode::kUnavailable);
}

TEST(ResourceClient, BatchGetAsksAgainForWhatDidNotFit) {
  crm::v1::BatchGetOpportunitiesResponse first;
  first.add_opportunities()->set_id("1");
  first.add_missing_ids("2");
  first.add_unread_ids("3");
  first.add_unread_ids("4");
  crm::v1::BatchGetOpportunitiesResponse second;
  second.add_opportunities()->set_id("3");
  second.add_opportunities()->set_id("4");
  Conversation conversation({{{first.SerializeAsString()}}, {{second.SerializeAsString()}}});
  ScriptedServer server(conversation.Script());
  const std::vector<std::string> ids = {"1", "2", "3", "4"};
  const auto batch = Client<Opportunity>(Connect(server.address())).BatchGet(ids);
  ASSERT_TRUE(batch.ok()) << batch.status();
  std::vector<std::string> found;
  for (const Opportunity& deal : batch->items) found.push_back(deal.id());
  EXPECT_THAT(found, ElementsAre("1", "3", "4"));
  EXPECT_THAT(batch->missing_ids, ElementsAre("2"));
  EXPECT_THAT(conversation.Asked<crm::v1::BatchGetOpportunitiesRequest>(1).ids(),
              ElementsAre("3", "4"));
}

TEST(ResourceClient, BatchGetDoesNotAskForEverWhenNothingIsAnswered) {
  crm::v1::BatchGetOpportunitiesResponse response;
  response.add_unread_ids("1");
  Conversation conversation({{{response.SerializeAsString()}}});
  ScriptedServer server(conversation.Script());
  const std::vector<std::string> ids = {"1"};
  const auto batch = Client<Opportunity>(Connect(server.address())).BatchGet(ids);
  EXPECT_EQ(batch.status().code(), absl::StatusCode::kInternal);
}

TEST(ResourceClient, WatchTakesUpABrokenStreamAtItsToken) {
  Conversation conversation({{{WatchResponse({"1", "2"}, "t2")}, kAway},
                             {{}, grpc::Status(grpc::StatusCode::INTERNAL, "RST_STREAM")},
                             {{WatchResponse({"3"}, "t3"), WatchResponse({}, "t3")},
                              grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "too old"),
                              "RESUME_TOKEN_EXPIRED"}});
  ScriptedServer server(conversation.Script());
  auto watch = Client<Opportunity>(Connect(server.address())).Watch(Brief());
  std::vector<std::string> seen;
  while (const auto batch = watch.Next()) {
    for (const auto& change : batch->changes) seen.push_back(change.resource.id());
  }
  EXPECT_THAT(seen, ElementsAre("1", "2", "3"));
  EXPECT_EQ(ReasonOf(watch.status()), "RESUME_TOKEN_EXPIRED");
  using Request = crm::v1::WatchOpportunitiesRequest;
  EXPECT_EQ(conversation.Asked<Request>(0).resume_token(), "");
  EXPECT_EQ(conversation.Asked<Request>(1).resume_token(), "t2");
  EXPECT_EQ(conversation.Asked<Request>(2).resume_token(), "t2");
}

TEST(ResourceClient, WatchTakesSilenceForALostConnection) {
  Conversation conversation({{.messages = {WatchResponse({"1"}, "t1")}, .stalls = true},
                             {{WatchResponse({"2"}, "t2")}, grpc::Status::OK}});
  ScriptedServer server(conversation.Script());
  WatchOptions options = Brief();
  options.heartbeat_interval = absl::Milliseconds(100);
  std::vector<absl::Status> failures;
  options.on_retry = [&](const absl::Status& status, absl::Duration) {
    failures.push_back(status);
  };
  auto watch = Client<Opportunity>(Connect(server.address())).Watch(options);
  ASSERT_EQ(watch.Next()->changes.at(0).resource.id(), "1");
  ASSERT_EQ(watch.Next()->changes.at(0).resource.id(), "2");
  ASSERT_THAT(failures, SizeIs(1));
  EXPECT_THAT(std::string(failures[0].message()), HasSubstr("said nothing for 200ms"));
}

TEST(ResourceClient, WatchEndsWhereItWasToEnd) {
  Conversation conversation({{{WatchResponse({"1"}, "t1")}, grpc::Status::OK}});
  ScriptedServer server(conversation.Script());
  WatchOptions options = Brief();
  options.stop_at_head = true;
  auto watch = Client<Opportunity>(Connect(server.address())).Watch(options);
  EXPECT_TRUE(watch.Next().has_value());
  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_TRUE(watch.status().ok()) << watch.status();
}

TEST(ResourceClient, WatchIsCancelledFromAnotherThread) {
  Conversation conversation({{.messages = {WatchResponse({}, "t")}, .stalls = true}});
  ScriptedServer server(conversation.Script());
  auto watch = Client<Opportunity>(Connect(server.address())).Watch(Brief());
  ASSERT_TRUE(watch.Next().has_value());
  std::thread canceller([&] { watch.Cancel(); });
  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_EQ(watch.status().code(), absl::StatusCode::kCancelled);
  canceller.join();
}

TEST(ResourceClient, WatchAsksForWhatItsOptionsSay) {
  Conversation conversation({{{}, grpc::Status::OK}});
  ScriptedServer server(conversation.Script());
  WatchOptions options = Brief();
  options.start = v1::WATCH_START_NOW;
  options.after_revision = 0;
  options.include_previous = true;
  options.stop_at_head = true;
  options.heartbeat_interval = absl::Milliseconds(1'500);
  Client<Opportunity>(Connect(server.address()), {"hubspot", ""}).Watch(options).Next();
  const auto asked = conversation.Asked<crm::v1::WatchOpportunitiesRequest>(0);
  EXPECT_EQ(asked.connector_id(), "hubspot");
  EXPECT_EQ(asked.start(), v1::WATCH_START_NOW);
  EXPECT_TRUE(asked.has_after_revision());
  EXPECT_EQ(asked.after_revision(), 0);
  EXPECT_TRUE(asked.include_previous());
  EXPECT_TRUE(asked.stop_at_head());
  EXPECT_EQ(asked.heartbeat_interval().seconds(), 1);
  EXPECT_EQ(asked.heartbeat_interval().nanos(), 500'000'000);
}

}  // namespace
}  // namespace tributary
