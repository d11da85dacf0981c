// Events into a whole server, over real sockets: what becomes of each, and that a resource which
// was read comes back as what it was.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "server/serve/ingest_event.h"
#include "tests/testing/test_server.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/feed/v1/feed.pb.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {
namespace {

using google::protobuf::util::TimeUtil;
using ingest::v1::BatchIngestEventsRequest;
using ingest::v1::BatchIngestEventsResponse;
using ingest::v1::Event;
using ingest::v1::EventResult;
using ingest::v1::IngestEventsRequest;
using ingest::v1::IngestEventsResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::ReasonIn;
using testing::TestServer;
using Conversation = testing::Conversation<IngestEventsRequest, IngestEventsResponse>;

constexpr char kBatch[] = "/tributary.ingest.v1.IngestService/BatchIngestEvents";
constexpr char kStream[] = "/tributary.ingest.v1.IngestService/IngestEvents";

class IngestServiceTest : public ::testing::Test {
 protected:
  static Event Body(const std::string& body, const std::string& key = "") {
    Event event;
    event.set_connector_id("hubspot");
    event.set_owner_id("acme");
    event.set_idempotency_key(key);
    event.set_body(body);
    return event;
  }
  static Event Stage(const std::string& id, const std::string& name = "New") {
    return Body(TestServer::Body("crmStage", "updated", id, {{"name", name}, {"type", "open"}}));
  }
  static Event Deal(const std::string& id) {
    Event event;
    event.set_connector_id("hubspot");
    event.set_owner_id("acme");
    event.mutable_resource()->mutable_opportunity()->set_id(id);
    event.mutable_resource()->mutable_opportunity()->mutable_fields()->set_name("Deal " + id);
    return event;
  }

  grpc::Status Batch(const std::vector<Event>& events, BatchIngestEventsResponse& response,
                     std::string* reason = nullptr) {
    BatchIngestEventsRequest request;
    for (const Event& event : events) *request.add_events() = event;
    grpc::ClientContext context;
    const grpc::Status status =
        testing::Call(*server_.channel(), kBatch, request, &response, &context);
    if (reason != nullptr) *reason = ReasonIn(context);
    return status;
  }
  std::vector<EventResult> Ingest(const std::vector<Event>& events) {
    BatchIngestEventsResponse response;
    const grpc::Status status = Batch(events, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.results().begin(), response.results().end()};
  }
  EventResult IngestOne(const Event& event) { return Ingest({event}).at(0); }

  // "APPLIED 3"
  static std::string Text(const EventResult& result) {
    return ingest::v1::Verdict_Name(result.verdict()).substr(std::string("VERDICT_").size()) +
           (result.revision() == 0 ? "" : " " + std::to_string(result.revision()));
  }
  static std::vector<std::string> Texts(const std::vector<EventResult>& results) {
    std::vector<std::string> texts;
    for (const EventResult& result : results) texts.push_back(Text(result));
    return texts;
  }

  // Every resource as the feed shows it, whole.
  std::vector<feed::v1::Resource> Snapshot() {
    feed::v1::WatchChangesRequest request;
    request.set_view(v1::VIEW_FULL);
    request.set_stop_at_head(true);
    testing::Stream<feed::v1::WatchChangesResponse> stream(
        server_.channel(), "/tributary.feed.v1.FeedService/WatchChanges", request);
    std::vector<feed::v1::Resource> resources;
    feed::v1::WatchChangesResponse response;
    while (stream.Read(&response)) {
      for (const auto& change : response.changes()) resources.push_back(change.resource());
    }
    EXPECT_TRUE(stream.Finish().ok());
    return resources;
  }

  ingest::v1::Delivery Recorded(const std::string& id) {
    ingest::v1::GetDeliveryRequest request;
    request.set_id(id);
    ingest::v1::Delivery delivery;
    const grpc::Status status = testing::Call(
        *server_.channel(), "/tributary.ingest.v1.DeliveryService/GetDelivery", request, &delivery);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return delivery;
  }

  TestServer server_;
};

TEST_F(IngestServiceTest, ABatchAnswersEachEventInItsOrder) {
  Event nobody = Stage("s1");
  nobody.clear_owner_id();
  nobody.set_client_ref("mine");
  const std::vector<EventResult> results =
      Ingest({Stage("s1"), Deal("d1"), Stage("s1"), nobody,
              Body(TestServer::Body("crmStage", "moved", "s1", nullptr)), Body("{"),
              Body(R"({"event":"crmStage::updated","data":{"id":"s2","fields":{"type":"odd"}}})")});
  EXPECT_THAT(Texts(results), ElementsAre("APPLIED 1", "APPLIED 2", "DUPLICATE 1", "REJECTED",
                                          "PARKED", "REJECTED", "APPLIED 3"));
  EXPECT_EQ(results[0].delivery_id(), "1");
  EXPECT_EQ(results[3].client_ref(), "mine");
  EXPECT_EQ(results[3].delivery_id(), "") << "it names nobody's, and so is on no record";
  EXPECT_EQ(results[3].problem().errors(0).pointer(), "owner_id");
  EXPECT_EQ(results[4].problem().status(), 202);
  EXPECT_THAT(results[4].problem().detail(), HasSubstr("trigger"));
  EXPECT_EQ(results[5].problem().type(), "https://tributary.dev/problems/body-not-json");
  ASSERT_EQ(results[6].warnings_size(), 2);
  EXPECT_EQ(results[6].warnings(1).field(), "fields.type");
  EXPECT_EQ(results[6].warnings(1).origin(), v1::Warning::ORIGIN_TRIBUTARY);
}

TEST_F(IngestServiceTest, AnEventIsOnRecordLikeAWebhook) {
  Event event =
      Body(TestServer::Body("genericContact", "created", "c1", {{"email", "nonsense"}}), "key-1");
  const ingest::v1::Delivery delivery = Recorded(IngestOne(event).delivery_id());
  EXPECT_EQ(delivery.event(), "genericContact::created");
  EXPECT_EQ(delivery.connector_id(), "hubspot");
  EXPECT_EQ(delivery.owner_id(), "acme");
  EXPECT_EQ(delivery.resource_id(), "c1");
  EXPECT_EQ(delivery.idempotency_key(), "key-1");
  EXPECT_EQ(delivery.remote_address(), "127.0.0.1");
  EXPECT_EQ(delivery.warning_count(), 1);
  EXPECT_EQ(delivery.body(), event.body());
}

TEST_F(IngestServiceTest, ATypedEventCanBeReplayedByItsWebhook) {
  Event event = Deal("d1");
  event.mutable_resource()->mutable_opportunity()->mutable_fields()->set_amount(-1);
  const EventResult result = IngestOne(event);
  EXPECT_EQ(Text(result), "APPLIED 1");
  ASSERT_EQ(result.warnings_size(), 1);
  const std::string body = Recorded(result.delivery_id()).body();
  EXPECT_EQ(body, R"({"event":"crmOpportunity::updated","data":{"id":"d1",)"
                  R"("fields":{"name":"Deal d1","amount":-1}}})");
  EXPECT_EQ(Text(IngestOne(Body(body, "other"))), "UNCHANGED 1");
}

TEST_F(IngestServiceTest, WhatWasReadAndIsSentAgainChangesNothing) {
  const std::filesystem::path vectors = TRIBUTARY_SOURCE_DIR "/proto/vectors";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(vectors)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    server_.Post({std::istreambuf_iterator<char>(in), {}});
  }
  const std::vector<feed::v1::Resource> before = Snapshot();
  ASSERT_GT(before.size(), 20u);
  size_t definitions = 0;
  for (const feed::v1::Resource& resource : before) {
    Event event;
    event.set_connector_id("hubspot");
    event.set_owner_id("acme");
    *event.mutable_resource() = resource;
    const EventResult result = IngestOne(event);
    if (resource.has_field_definition()) {
      ++definitions;
      EXPECT_EQ(result.verdict(), ingest::v1::VERDICT_REJECTED);
      EXPECT_EQ(result.problem().errors(0).pointer(), "resource.field_definition");
      EXPECT_THAT(result.problem().detail(), HasSubstr("FieldDefinitionService"));
    } else {
      EXPECT_EQ(result.verdict(), ingest::v1::VERDICT_UNCHANGED)
          << result.DebugString() << resource.DebugString();
    }
  }
  EXPECT_GT(definitions, 0u);
  const std::vector<feed::v1::Resource> after = Snapshot();
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) {
    // An integer that was kept as text is text now, which is news of its field.
    if (before[i].has_field_definition()) continue;
    EXPECT_EQ(after[i].DebugString(), before[i].DebugString());
  }
}

TEST_F(IngestServiceTest, TheTriggerSaysWhetherItIsGone) {
  EXPECT_EQ(Text(IngestOne(Deal("d1"))), "APPLIED 1");
  Event gone = Deal("d1");
  gone.set_trigger("deleted");
  EXPECT_EQ(Text(IngestOne(gone)), "APPLIED 2");
  EXPECT_THAT(Snapshot(), IsEmpty());
  gone.set_trigger("moved");
  EXPECT_EQ(IngestOne(gone).problem().errors(0).pointer(), "trigger");
}

TEST_F(IngestServiceTest, WhatIsWrongWithTheEventItselfIsNamedAndOnNoRecord) {
  const auto place = [&](const Event& event) {
    const EventResult result = IngestOne(event);
    EXPECT_EQ(Text(result), "REJECTED");
    EXPECT_EQ(result.delivery_id(), "");
    EXPECT_EQ(result.problem().type(), "https://tributary.dev/problems/event-invalid");
    EXPECT_EQ(result.problem().status(), 400);
    return result.problem().errors_size() == 1 ? result.problem().errors(0).pointer() : "?";
  };
  Event event = Stage("s1");
  event.set_connector_id("");
  EXPECT_EQ(place(event), "connector_id");
  event = Stage("s1");
  event.set_connector_id(std::string(513, 'x'));
  EXPECT_EQ(place(event), "connector_id");
  event = Stage("s1");
  event.set_owner_id("a\nb");
  EXPECT_EQ(place(event), "owner_id");
  event = Stage("s1");
  event.set_idempotency_key(std::string(513, 'x'));
  EXPECT_EQ(place(event), "idempotency_key");
  event = Stage("s1");
  event.set_client_ref(std::string(513, 'x'));
  EXPECT_EQ(place(event), "client_ref");
  event = Stage("s1");
  event.clear_body();
  EXPECT_EQ(place(event), "body");
  event = Body(std::string(1024 * 1024 + 1, ' '));
  EXPECT_EQ(place(event), "body");
  event = Stage("s1");
  event.set_trigger("updated");
  EXPECT_EQ(place(event), "trigger");
  event = Stage("s1");
  event.mutable_resource();
  EXPECT_EQ(place(event), "resource");
  event = Deal("d1");
  event.mutable_resource()->mutable_opportunity()->set_owner_id("globex");
  EXPECT_EQ(place(event), "resource.opportunity.owner_id");
  event = Stage("s1");
  event.mutable_observed_at()->set_seconds(1'000'000'000'000);
  EXPECT_EQ(place(event), "observed_at");
  event = Stage("s1");
  *event.mutable_observed_at() = TimeUtil::MicrosecondsToTimestamp(
      SystemClock().NowMicros() + limits::kFutureMicrosMax + 60'000'000);
  EXPECT_EQ(place(event), "observed_at");
  EXPECT_EQ(Text(IngestOne(Stage("s1"))), "APPLIED 1");
  EXPECT_EQ(Recorded("1").resource_id(), "s1");
}

TEST_F(IngestServiceTest, ATypedEventMayNameItsOwnerOrNot) {
  Event event = Deal("d1");
  EXPECT_EQ(Text(IngestOne(event)), "APPLIED 1");
  event.mutable_resource()->mutable_opportunity()->set_connector_id("hubspot");
  event.mutable_resource()->mutable_opportunity()->set_owner_id("acme");
  event.mutable_resource()->mutable_opportunity()->set_revision(7);
  EXPECT_EQ(Text(IngestOne(event)), "DUPLICATE 1") << "it says the same";
}

TEST_F(IngestServiceTest, WithoutAKeyOnlyTheSameAgainIsADuplicate) {
  EXPECT_EQ(Text(IngestOne(Stage("s1", "New"))), "APPLIED 1");
  EXPECT_EQ(Text(IngestOne(Stage("s1", "Old"))), "APPLIED 2");
  EXPECT_EQ(Text(IngestOne(Stage("s1", "New"))), "DUPLICATE 1");
  Event observed = Stage("s1", "Old");
  *observed.mutable_observed_at() = TimeUtil::MicrosecondsToTimestamp(SystemClock().NowMicros());
  EXPECT_EQ(Text(IngestOne(observed)), "UNCHANGED 2") << "seen at a moment, it is another event";
  EXPECT_EQ(Text(IngestOne(observed)), "DUPLICATE 2");
}

TEST_F(IngestServiceTest, TheProblemIsTheOneThatAWebhookGets) {
  for (const std::string& body :
       {std::string("{"), std::string("[]"),
        std::string(R"({"event":"crmStage::updated","data":{"fields":{}}})"),
        std::string(R"({"event":"crmStage::updated","data":{"id":"1","model":"crmPipeline"}})")}) {
    const auto http = server_.Post(body).Json();
    const ingest::v1::Problem problem = IngestOne(Body(body, "other")).problem();
    EXPECT_EQ(problem.type(), http["type"]);
    EXPECT_EQ(problem.title(), http["title"]);
    EXPECT_EQ(problem.status(), http["status"]);
    EXPECT_EQ(problem.detail(), http["detail"]);
    ASSERT_EQ(static_cast<size_t>(problem.errors_size()), http["faults"].size());
    for (int i = 0; i < problem.errors_size(); ++i) {
      const auto& fault = http["faults"][static_cast<size_t>(i)];
      EXPECT_EQ(problem.errors(i).pointer(), fault["pointer"]);
      EXPECT_EQ(problem.errors(i).detail(), fault["detail"]);
      EXPECT_EQ(problem.errors(i).value(), fault["value"]);
    }
  }
}

TEST_F(IngestServiceTest, StrictValidationRejectsTypedEventsToo) {
  server_.SetValidation(Validation::kReject);
  Event event = Deal("d1");
  event.mutable_resource()->mutable_opportunity()->mutable_fields()->set_amount(-1);
  const EventResult result = IngestOne(event);
  EXPECT_EQ(Text(result), "REJECTED");
  EXPECT_EQ(result.problem().type(), "https://tributary.dev/problems/content-invalid");
  EXPECT_EQ(result.problem().errors(0).pointer(), "/data/fields/amount");
  EXPECT_EQ(result.problem().errors(0).code(), "CONNECTOR::MAPPER::READ_VALIDATION_FAILED");
  EXPECT_EQ(result.delivery_id(), "1");
}

TEST_F(IngestServiceTest, ACardViewIsStoredAndNobodyIsAskedForCards) {
  EXPECT_EQ(Text(IngestOne(Body(
                TestServer::Body("widgetCardView", "created", "v1", nlohmann::json::object())))),
            "APPLIED 1");
  EXPECT_EQ(server_.server().cards().TakeSurvey().waiting, 0);
}

TEST_F(IngestServiceTest, ABatchHasItsBounds) {
  std::vector<Event> events;
  for (int i = 0; i < limits::kIngestMessageEventsMax; ++i) {
    events.push_back(Stage("s" + std::to_string(i)));
  }
  EXPECT_EQ(Text(Ingest(events).back()), "APPLIED 1000");
  BatchIngestEventsResponse response;
  std::string reason;
  events.push_back(Stage("more"));
  EXPECT_EQ(Batch(events, response, &reason).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(reason, "ARGUMENT_INVALID");
  // 3 MiB, and a little more.
  events.assign(4, Body(std::string(limits::kIngestBatchBytesMax / 4, ' ')));
  EXPECT_EQ(Batch(events, response, &reason).error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(reason, "ARGUMENT_INVALID");
  events.pop_back();
  EXPECT_THAT(Texts(Ingest(events)), ElementsAre("REJECTED", "REJECTED", "REJECTED"));
  EXPECT_THAT(Ingest({}), IsEmpty());
}

TEST_F(IngestServiceTest, AnAnswerStaysSmallWhateverIsWrong) {
  std::string fields;
  for (int i = 0; i < 40; ++i) {
    fields += (i == 0 ? "\"" : ",\"") + std::string(250, 'k') + std::to_string(100 + i) +
              "\":" + "12345678901234567890123";
  }
  std::vector<Event> events;
  for (int i = 0; i < 250; ++i) {
    events.push_back(Body(R"({"event":"crmStage::updated","data":{"id":")" + std::to_string(i) +
                          R"(","fields":{)" + fields + "}}}"));
  }
  BatchIngestEventsResponse response;
  const grpc::Status status = Batch(events, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.results_size(), 250);
  EXPECT_GT(response.results(0).warnings_size(), 0);
  EXPECT_EQ(response.results(249).warnings_size(), 0);
  EXPECT_LT(response.ByteSizeLong(), limits::kAnswerBytesMax);
}

TEST_F(IngestServiceTest, AStreamAnswersInTheOrderOfTheEventsAndEndsWithOk) {
  Conversation stream(server_.channel(), kStream);
  constexpr int kEvents = 3000;
  for (int i = 0; i < kEvents;) {
    IngestEventsRequest request;
    for (; i < kEvents && request.events_size() < 700; ++i) {
      Event& event = *request.add_events();
      // Some are answered at once, others by the writer.
      event = i % 10 == 0 ? Event() : Stage("s" + std::to_string(i));
      event.set_client_ref(std::to_string(i));
    }
    ASSERT_TRUE(stream.Write(request));
  }
  ASSERT_TRUE(stream.HalfClose());
  IngestEventsResponse response;
  int next = 0;
  while (stream.Read(&response)) {
    EXPECT_GT(response.results_size(), 0);
    for (const EventResult& result : response.results()) {
      EXPECT_EQ(result.client_ref(), std::to_string(next));
      EXPECT_EQ(result.verdict(),
                next % 10 == 0 ? ingest::v1::VERDICT_REJECTED : ingest::v1::VERDICT_APPLIED);
      ++next;
    }
  }
  EXPECT_EQ(next, kEvents);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(IngestServiceTest, AMessageThatIsTooLargeEndsTheStreamAfterTheResultsBeforeIt) {
  Conversation stream(server_.channel(), kStream);
  IngestEventsRequest request;
  *request.add_events() = Stage("s1");
  ASSERT_TRUE(stream.Write(request));
  for (int i = 0; i < limits::kIngestMessageEventsMax; ++i) *request.add_events() = Stage("s2");
  stream.Write(request);
  IngestEventsResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(Text(response.results(0)), "APPLIED 1");
  EXPECT_FALSE(stream.Read(&response));
  EXPECT_EQ(stream.Finish().error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonIn(stream.context()), "ARGUMENT_INVALID");
}

TEST_F(IngestServiceTest, AStreamWithoutEventsEndsWithOk) {
  Conversation stream(server_.channel(), kStream);
  ASSERT_TRUE(stream.Write(IngestEventsRequest()));
  ASSERT_TRUE(stream.HalfClose());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(IngestServiceTest, WhatIsNoEventIsAnErrorAndTheServerGoesOn) {
  testing::Conversation<feed::v1::WatchChangesRequest, IngestEventsResponse> stream(
      server_.channel(), kStream);
  feed::v1::WatchChangesRequest other;
  other.set_connector_id("\xF0\x9F");  // as an event: a broken one
  stream.Write(other);
  EXPECT_EQ(stream.Finish().error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(Text(IngestOne(Stage("s1"))), "APPLIED 1");
}

TEST_F(IngestServiceTest, StreamsAreBoundedInNumber) {
  std::vector<std::unique_ptr<Conversation>> streams;
  for (size_t i = 0; i < limits::kIngestStreamsMax; ++i) {
    streams.push_back(std::make_unique<Conversation>(server_.channel(), kStream));
    streams.back()->WaitUntilConnected();
  }
  Conversation more(server_.channel(), kStream);
  EXPECT_EQ(more.Finish().error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(more.context()), "OVERLOADED");
  ASSERT_TRUE(streams.back()->HalfClose());
  EXPECT_TRUE(streams.back()->Finish().ok());
}

TEST(AddressOfPeer, IsWhatAWebhookWouldShow) {
  EXPECT_EQ(AddressOfPeer("ipv4:127.0.0.1:50051"), "127.0.0.1");
  EXPECT_EQ(AddressOfPeer("ipv6:%5B::1%5D:50051"), "::1");
  EXPECT_EQ(AddressOfPeer("ipv6:[fe80::1%25eth0]:1"), "fe80::1%eth0");
  EXPECT_EQ(AddressOfPeer("unix:"), "unix:");
}

}  // namespace
}  // namespace tributary
