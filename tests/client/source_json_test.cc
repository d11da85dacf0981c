#include "client/command/source_json.h"

#include <string>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tributary/crm/v1/engagement.pb.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/crm/v1/pipeline.pb.h"
#include "tributary/scheduling/v1/event_type.pb.h"
#include "tributary/telephony/v1/call_transcript.pb.h"

namespace tributary::command {
namespace {

template <typename T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

// That all payloads of the source come out as they went in is tested with the server, which decodes
// them.

TEST(SourceJson, HasTheNamesAndWordsOfTheSource) {
  const auto engagement = Parse<crm::v1::Engagement>(R"pb(
    connector_id: "hubspot"
    owner_id: "acme"
    id: "7"
    fields {
      type: TYPE_MEETING
      status: STATUS_IN_PROGRESS
      started_at { seconds: 1749027600 nanos: 120000000 }
      duration_seconds: 0
      owner { model: "genericUser" id: "1" remote_id: "r1" }
    }
    custom_fields {
      key: "odd key"
      value { number_value: 1.5 }
    }
    updated_at { seconds: 1749027600 }
    remote_id: "r7"
    revision: 12
  )pb");
  EXPECT_EQ(
      SourceJson(engagement, Layout::kOneLine),
      R"({"object":"resource","model":"crmEngagement","id":"7","remote":{"id":"r7"},)"
      R"("fields":{"type":"meeting","status":"inProgress","startedAt":"2025-06-04T09:00:00.120Z",)"
      R"("duration":0,"owner":{"object":"resourceRef","model":"genericUser","id":"1",)"
      R"("remote":{"id":"r1"}},"odd key":1.5},"updatedAt":"2025-06-04T09:00:00.000Z",)"
      R"("warnings":[]})");
}

TEST(SourceJson, TellsAbsentFromEmptyAndFromZero) {
  EXPECT_EQ(SourceJson(Parse<crm::v1::Opportunity>("id: '1' fields {}"), Layout::kOneLine),
            R"({"object":"resource","model":"crmOpportunity","id":"1","fields":{},"warnings":[]})");
  EXPECT_EQ(SourceJson(Parse<crm::v1::Opportunity>("id: '1' fields { name: '' amount: 0 }"),
                       Layout::kOneLine),
            R"({"object":"resource","model":"crmOpportunity","id":"1",)"
            R"("fields":{"name":"","amount":0},"warnings":[]})");
}

TEST(SourceJson, HasAListThatTheSourceRequiresAlsoWhenItIsEmpty) {
  EXPECT_EQ(SourceJson(Parse<crm::v1::Pipeline>("id: '1' fields { name: 'P' }"), Layout::kOneLine),
            R"({"object":"resource","model":"crmPipeline","id":"1",)"
            R"("fields":{"name":"P","stages":[]},"warnings":[]})");
}

TEST(SourceJson, GoesIntoNestedMessages) {
  const auto type = Parse<scheduling::v1::EventType>(R"pb(
    id: "1"
    fields {
      name: "Demo"
      durations_minutes: [ 30, 60 ]
      questions { key: "q" default_value: "10" required: false }
    }
  )pb");
  EXPECT_EQ(
      SourceJson(type, Layout::kOneLine),
      R"({"object":"resource","model":"schedulingEventType","id":"1","fields":{"name":"Demo",)"
      R"("durations":[30,60],"questions":[{"key":"q","required":false,"default":"10"}]},)"
      R"("warnings":[]})");
}

TEST(SourceJson, LeavesOutTheWarningsThatTheSourceDidNotMake) {
  const auto deal = Parse<crm::v1::Opportunity>(R"pb(
    id: "1"
    fields {}
    warnings { code: "C" message: "theirs" origin: ORIGIN_SOURCE }
    warnings { code: "C" message: "ours" field: "fields.amount" origin: ORIGIN_TRIBUTARY }
  )pb");
  EXPECT_EQ(SourceJson(deal, Layout::kOneLine),
            R"({"object":"resource","model":"crmOpportunity","id":"1","fields":{},)"
            R"("warnings":[{"code":"C","message":"theirs"}]})");
}

TEST(SourceJson, KeepsTheRawResource) {
  const auto deal = Parse<crm::v1::Opportunity>(R"pb(
    id: "1"
    fields {}
    raw_resource {
      list_value {
        values { null_value: NULL_VALUE }
        values { number_value: 2411807733 }
      }
    }
  )pb");
  EXPECT_EQ(SourceJson(deal, Layout::kOneLine),
            R"({"object":"resource","model":"crmOpportunity","id":"1","fields":{},)"
            R"("rawResource":[null,2411807733],"warnings":[]})");
}

TEST(SourceJson, ShowsAnEnumValueOfANewerServerAsItsNumber) {
  crm::v1::Engagement engagement;
  engagement.mutable_fields()->set_status(static_cast<crm::v1::Engagement::Fields::Status>(99));
  EXPECT_NE(SourceJson(engagement, Layout::kOneLine).find(R"("status":"99")"), std::string::npos);
}

TEST(SourceEventJson, IsTheWebhookThatWouldCauseTheChange) {
  const auto change = Parse<crm::v1::OpportunityChange>(R"pb(
    type: CHANGE_TYPE_UPDATED
    revision: 3
    resource {
      id: "1"
      fields {}
    }
  )pb");
  EXPECT_EQ(SourceEventJson(change, Layout::kOneLine),
            R"({"event":"crmOpportunity::updated","data":{"object":"resource",)"
            R"("model":"crmOpportunity","id":"1","fields":{},"warnings":[]}})");
}

TEST(SourceEventJson, SaysWhatTheWordsOfTheSourceDoNot) {
  const auto end = [](const std::string& change) {
    const std::string json =
        SourceEventJson(Parse<crm::v1::OpportunityChange>(change), Layout::kOneLine);
    return json.substr(json.find("\"warnings\":[]}") + 14);
  };
  EXPECT_EQ(end("type: CHANGE_TYPE_CREATED"), "}");
  EXPECT_EQ(end("type: CHANGE_TYPE_EXISTING"), R"(,"change":"existing"})");
  EXPECT_EQ(end("type: CHANGE_TYPE_ENTERED"), R"(,"change":"entered"})");
  EXPECT_EQ(end("type: CHANGE_TYPE_LEFT coalesced: true"), R"(,"change":"left","coalesced":true})");
}

TEST(TimeText, HasAsManyDigitsAsItNeeds) {
  google::protobuf::Timestamp time;
  time.set_seconds(0);
  EXPECT_EQ(TimeText(time), "1970-01-01T00:00:00.000Z");
  time.set_nanos(1'000);
  EXPECT_EQ(TimeText(time), "1970-01-01T00:00:00.000001Z");
  time.set_nanos(1);
  EXPECT_EQ(TimeText(time), "1970-01-01T00:00:00.000000001Z");
  time.set_seconds(-62135596800);
  time.set_nanos(0);
  EXPECT_EQ(TimeText(time), "0001-01-01T00:00:00.000Z");
}

}  // namespace
}  // namespace tributary::command
