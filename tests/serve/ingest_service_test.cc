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
#include "tests/serve/ingest_fixture.h"
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::ReasonIn;
using testing::TestServer;

constexpr char kBatch[] = "/tributary.ingest.v1.IngestService/BatchIngestEvents";

class IngestServiceTest : public testing::IngestFixture {};

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

TEST(AddressOfPeer, IsWhatAWebhookWouldShow) {
  EXPECT_EQ(AddressOfPeer("ipv4:127.0.0.1:50051"), "127.0.0.1");
  EXPECT_EQ(AddressOfPeer("ipv6:%5B::1%5D:50051"), "::1");
  EXPECT_EQ(AddressOfPeer("ipv6:[fe80::1%25eth0]:1"), "fe80::1%eth0");
  EXPECT_EQ(AddressOfPeer("unix:"), "unix:");
}

}  // namespace
}  // namespace tributary
