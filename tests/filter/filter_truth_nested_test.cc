// What a filter says of what lies inside: references, lists, messages and custom fields.

#include "tests/filter/truth.h"
#include "tributary/scheduling/v1/scheduled_event.pb.h"
#include "tributary/telephony/v1/call_transcript.pb.h"

namespace tributary::testing {
namespace {

TEST(FilterTruth, ReferencesAndListsOfThem) {
  Check<crm::v1::Opportunity>(Deal(), {
                                          {"stage = default::closedwon", true},
                                          {"stage = \"default::closedwon\"", true},
                                          {"stage:\"default::closedwon\"", true},
                                          {"stage:closed", false},
                                          {"stage = closedwon", false},
                                          {"stage = *closedwon", true},
                                          {"stage != s1", true},
                                          {"stage = (s1 OR default::closedwon)", true},
                                          {"stage:*", true},
                                          {"stage.id = default::closedwon", true},
                                          {"stage.model = crmStage", true},
                                          {"stage.remote_id = closedwon", true},
                                          {"stage.remoteId > closed", true},
                                          {"pipeline = p1", false},
                                          {"pipeline != p1", true},
                                          {"pipeline:*", false},
                                          {"pipeline.id:*", false},
                                          {"contacts:\"c1\"", true},
                                          {"contacts:c2", true},
                                          {"contacts:c", false},
                                          {"contacts:c*", true},
                                          {"contacts:(c9 OR c2)", true},
                                          {"contacts.id:c2", true},
                                          {"contacts.remote_id:*", false},
                                          {"contacts:*", true},
                                          {"companies:*", false},
                                          {"companies:c1", false},
                                          {"-contacts:c9", true},
                                      });
}

TEST(FilterTruth, ListsOfMessages) {
  const Record event = RecordOf<scheduling::v1::ScheduledEvent>(R"pb(
    fields {
      external_attendees { email: "a@b.c" first_name: "" }
      external_attendees { phone_number: "1" }
      answers {
        key: "size"
        value { number_value: 4 }
      }
    })pb");
  Check<scheduling::v1::ScheduledEvent>(event, {
                                                   {"external_attendees.email:a@b.c", true},
                                                   {"externalAttendees.firstName:\"\"", true},
                                                   {"external_attendees.email:*@b.c", true},
                                                   {"external_attendees.email:a@", false},
                                                   {"external_attendees.last_name:*", false},
                                                   {"answers.size = 4", true},
                                                   {"answers.size:*", true},
                                                   {"answers.color:*", false},
                                                   {"answers:*", true},
                                               });
  const Record transcript = RecordOf<telephony::v1::CallTranscript>(
      "fields { speakers { origin: ORIGIN_INTERNAL } segments { start_seconds: 0.5 } }");
  Check<telephony::v1::CallTranscript>(transcript, {
                                                       {"speakers.origin:internal", true},
                                                       {"speakers.origin:external", false},
                                                       {"segments.start_seconds:0.5", true},
                                                       {"segments.end_seconds:*", false},
                                                   });
  Check<crm::v1::Opportunity>(Deal(), {
                                          {"warnings:*", true},
                                          {"warnings.code:B", true},
                                          {"warnings.code:C", false},
                                          {"warnings.field:fields.name", true},
                                          {"warnings.origin:tributary", true},
                                          {"warnings.value:*", false},
                                      });
}

TEST(FilterTruth, CustomFields) {
  Check<crm::v1::Opportunity>(Deal(), {
                                          {"custom_fields.region = EU", true},
                                          {"customFields.region = \"EU\"", true},
                                          {"custom_fields.region != EU", false},
                                          {"custom_fields.region:E", true},
                                          {"custom_fields.region = E*", true},
                                          {"custom_fields.region > EA", true},
                                          {"custom_fields.region = eu", false},
                                          {"custom_fields.region:*", true},
                                          {"custom_fields.score = 7.5", true},
                                          {"custom_fields.score = \"7.5\"", false},
                                          {"custom_fields.score > 7", true},
                                          {"custom_fields.score < 7", false},
                                          {"custom_fields.score > \"7\"", false},
                                          {"custom_fields.score:7.5", true},
                                          {"custom_fields.score = seven", false},
                                          {"custom_fields.text_score = 7.5", true},
                                          {"custom_fields.text_score = 7.50", false},
                                          {"custom_fields.hot = true", true},
                                          {"custom_fields.hot != false", true},
                                          {"custom_fields.hot = \"true\"", false},
                                          {"custom_fields.hot > false", false},
                                          {"custom_fields.nothing:*", false},
                                          {"custom_fields.nothing = null", false},
                                          {"custom_fields.absent = x", false},
                                          {"custom_fields.absent != x", true},
                                          {"custom_fields.tags:new", true},
                                          {"custom_fields.tags:3", true},
                                          {"custom_fields.tags:ne", false},
                                          {"custom_fields.tags:n*", true},
                                          {"custom_fields.tags = new", false},
                                          {"custom_fields.tags:*", true},
                                          {"custom_fields.address.city = Bilbao", true},
                                          {"custom_fields.address.street:*", false},
                                          {"custom_fields.region.city:*", false},
                                          {"custom_fields.address = Bilbao", false},
                                          {"custom_fields.address:*", true},
                                          {"custom_fields.`odd key```= x", true},
                                          {"custom_fields.`region` = EU", true},
                                          {"custom_fields:*", true},
                                      });
}

}  // namespace
}  // namespace tributary::testing
