// What a filter says of a state: one line per type and operator.

#include <string>
#include <vector>

#include "tests/filter/records.h"
#include "tributary/crm/v1/engagement.pb.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/scheduling/v1/event_type.pb.h"
#include "tributary/scheduling/v1/scheduled_event.pb.h"
#include "tributary/telephony/v1/call_transcript.pb.h"

namespace tributary::testing {
namespace {

struct Case {
  std::string filter;
  bool matches;
};

template <typename Message>
void Check(const Record& record, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const auto filter = MustCompile<Message>(one.filter);
    EXPECT_EQ(filter->Matches(record), one.matches) << one.filter;
    // NOT is exact in both directions, whatever is absent.
    if (one.filter.empty()) continue;
    EXPECT_EQ(MustCompile<Message>("NOT (" + one.filter + ")")->Matches(record), !one.matches)
        << "NOT " << one.filter;
    EXPECT_EQ(MustCompile<Message>("-(" + one.filter + ")")->Matches(record), !one.matches)
        << "- " << one.filter;
  }
}

Record Deal() {
  return RecordOf<crm::v1::Opportunity>(
      R"pb(
        connector_id: "hubspot"
        owner_id: "acme"
        id: "o1"
        fields {
          name: "Acme: 10* \"Premium\" \xC3\xA9t\xC3\xA9"
          amount: 18499.9
          stage { model: "crmStage" id: "default::closedwon" remote_id: "closedwon" }
          contacts { model: "genericContact" id: "c1" }
          contacts { model: "genericContact" id: "c2" }
        }
        custom_fields {
          key: "region"
          value { string_value: "EU" }
        }
        custom_fields {
          key: "score"
          value { number_value: 7.5 }
        }
        custom_fields {
          key: "text_score"
          value { string_value: "7.5" }
        }
        custom_fields {
          key: "hot"
          value { bool_value: true }
        }
        custom_fields {
          key: "nothing"
          value { null_value: NULL_VALUE }
        }
        custom_fields {
          key: "tags"
          value {
            list_value {
              values { string_value: "new" }
              values { number_value: 3 }
            }
          }
        }
        custom_fields {
          key: "address"
          value {
            struct_value {
              fields {
                key: "city"
                value { string_value: "Bilbao" }
              }
            }
          }
        }
        custom_fields {
          key: "odd key`"
          value { string_value: "x" }
        }
        created_at { seconds: 1748768400 }
        updated_at { seconds: 1748768400 nanos: 500000000 }
        warnings { code: "A" field: "fields.name" origin: ORIGIN_TRIBUTARY }
        warnings { code: "B" }
      )pb",
      "crmOpportunity");
}

TEST(FilterTruth, Text) {
  Check<crm::v1::Opportunity>(Deal(), {
                                          {"", true},
                                          {"id = o1", true},
                                          {"id = \"o1\"", true},
                                          {"id = 'o1'", true},
                                          {"id = O1", false},
                                          {"id != o1", false},
                                          {"id != o2", true},
                                          {"id < o2", true},
                                          {"id <= o1", true},
                                          {"id > o1", false},
                                          {"id >= o1", true},
                                          {"id > o", true},
                                          {"id = (o7 OR o1)", true},
                                          {"id = (\"o7\" OR 'o8')", false},
                                          {"id != (o7 OR o1)", false},
                                          {"id:*", true},
                                          {"connector_id = hubspot AND owner_id = acme", true},
                                          {"connectorId = hubspot ownerId = acme", true},
                                          {"owner_id = *m*", true},
                                          {"name:\"10* \\\"Prem\"", true},
                                          {"name:\"10\\* \"", true},
                                          {"name:\"10\\*\\*\"", false},
                                          {"name:\"été\"", true},
                                          {"name:prem", false},
                                          {"name:Prem*t", true},
                                          {"name:Prem*T", false},
                                          {"name = Acme*", true},
                                          {"name = \"*été\"", true},
                                          {"name = *Prem*", true},
                                          {"name = A*P*é", true},
                                          {"name = Acme", false},
                                          {"name = Acme*Acme*", false},
                                          {"name = *", true},
                                          {"name:*", true},
                                          {"name > \"Acme\"", true},
                                          {"name < b", true},
                                          {"fields.name:Acme", true},
                                          // Absent.
                                          {"currency = EUR", false},
                                          {"currency != EUR", true},
                                          {"currency < z", false},
                                          {"currency >= \"\"", false},
                                          {"currency:\"\"", false},
                                          {"currency:*", false},
                                          {"currency = *", false},
                                          // What is plain is never absent, but may be empty.
                                          {"remote_id = \"\"", true},
                                          {"remote_id != x", true},
                                          {"remote_id < a", true},
                                          {"remote_id:*", false},
                                      });
}

TEST(FilterTruth, AnEmptyTextIsPresentAndEqualToItself) {
  const Record record = RecordOf<crm::v1::Opportunity>(R"pb(fields { name: "" currency: "EUR" }
                                                            remote_id: "r")pb");
  Check<crm::v1::Opportunity>(record, {
                                          {"name:*", true},
                                          {"name = \"\"", true},
                                          {"name = *", true},
                                          {"name < a", true},
                                          {"name != \"\"", false},
                                          {"remote_id:*", true},
                                          {"remote_id = r", true},
                                          {"remote_id = \"\"", false},
                                          {"currency = EUR", true},
                                          {"currency = EU*R", true},
                                          {"currency = EUR*R", false},
                                      });
}

TEST(FilterTruth, Numbers) {
  Check<crm::v1::Opportunity>(Deal(), {
                                          {"amount = 18499.9", true},
                                          {"amount = 1.84999e4", true},
                                          {"amount = \"18499.9\"", true},
                                          {"amount != 18499.9", false},
                                          {"amount < 18499.9", false},
                                          {"amount <= 18499.9", true},
                                          {"amount > 18499", true},
                                          {"amount>-1", true},
                                          {"amount >= 18500", false},
                                          {"amount:18499.9", true},
                                          {"amount:*", true},
                                          {"amount = (1 OR 18499.9)", true},
                                          {"revision = 7", true},
                                          {"revision > 7", false},
                                          {"revision:*", true},
                                      });
  const Record call = RecordOf<crm::v1::Engagement>("fields { duration_seconds: -90 }");
  Check<crm::v1::Engagement>(call, {
                                       {"duration_seconds = -90", true},
                                       {"duration_seconds = -90s", true},
                                       {"durationSeconds < 0", true},
                                       {"duration_seconds > 90s", false},
                                   });
  const Record event = RecordOf<scheduling::v1::ScheduledEvent>("fields { duration_minutes: 1.5 }");
  Check<scheduling::v1::ScheduledEvent>(event, {
                                                   {"duration_minutes = 90s", true},
                                                   {"duration_minutes = 1.5", true},
                                                   {"duration_minutes < 90s", false},
                                                   {"duration_minutes >= 60s", true},
                                               });
  Check<crm::v1::Opportunity>(RecordOf<crm::v1::Opportunity>("fields { amount: 0 }"),
                              {
                                  {"amount = 0", true},
                                  {"amount = -0", true},
                                  {"amount:*", true},
                                  {"amount < 1", true},
                              });
  Check<crm::v1::Opportunity>(RecordOf<crm::v1::Opportunity>("fields { }"),
                              {
                                  {"amount = 0", false},
                                  {"amount != 0", true},
                                  {"amount < 1", false},
                                  {"amount >= 0", false},
                                  {"amount:*", false},
                              });
}

TEST(FilterTruth, ListsOfNumbers) {
  const Record type =
      RecordOf<scheduling::v1::EventType>("fields { durations_minutes: 15 durations_minutes: 30 }");
  Check<scheduling::v1::EventType>(type, {
                                             {"durations_minutes:30", true},
                                             {"durations_minutes:1800s", true},
                                             {"durations_minutes:45", false},
                                             {"durations_minutes:(45 OR 15)", true},
                                             {"durations_minutes:*", true},
                                             {"slots:*", false},
                                             {"slots:s1", false},
                                         });
}

TEST(FilterTruth, Bools) {
  const Record type = RecordOf<scheduling::v1::EventType>(
      "fields { questions { required: false key: 'a' } questions { key: 'b' } }");
  Check<scheduling::v1::EventType>(type, {
                                             {"questions.required:false", true},
                                             {"questions.required:true", false},
                                             {"questions.required:*", true},
                                             {"questions.key:b", true},
                                             {"questions.key:(c OR a)", true},
                                             {"questions.key:*", true},
                                             {"questions.default:*", false},
                                             {"questions:*", true},
                                             {"questions.key:\"\"", false},
                                             {"questions.key:?", false},
                                             {"questions.key:b*", true},
                                             {"questions.name:*", false},
                                         });
}

TEST(FilterTruth, Enums) {
  const Record engagement =
      RecordOf<crm::v1::Engagement>("fields { status: STATUS_IN_PROGRESS type: TYPE_CALL }");
  Check<crm::v1::Engagement>(engagement, {
                                             {"status = inProgress", true},
                                             {"status = INPROGRESS", true},
                                             {"status = IN_PROGRESS", true},
                                             {"status = STATUS_IN_PROGRESS", true},
                                             {"status = status_in_progress", true},
                                             {"status = \"inProgress\"", true},
                                             {"status != inProgress", false},
                                             {"status:inProgress", true},
                                             {"status:*", true},
                                             {"status = (completed OR in_progress)", true},
                                             {"direction = inbound", false},
                                             {"direction != inbound", true},
                                             {"direction:*", false},
                                             {"fields.type = call", true},
                                         });
}

TEST(FilterTruth, Times) {
  Check<crm::v1::Opportunity>(Deal(), {
                                          {"created_at = 2025-06-01T09:00:00Z", true},
                                          {"created_at = 2025-06-01T11:00:00+02:00", true},
                                          {"createdAt = \"2025-06-01T09:00:00.000Z\"", true},
                                          {"created_at > 2025-06-01", true},
                                          {"created_at < 2025-06-02", true},
                                          {"created_at <= 2025-06-01", false},
                                          {"created_at != 2025-06-01", true},
                                          {"updated_at = 2025-06-01T09:00:00Z", false},
                                          {"updated_at > 2025-06-01T09:00:00Z", true},
                                          {"updated_at >= 2025-06-01T09:00:00.5Z", true},
                                          {"updated_at > 2025-06-01T09:00:00.5Z", false},
                                          {"updated_at:*", true},
                                          {"updated_at:2025-06-01T09:00:00.5Z", true},
                                      });
  const Record old =
      RecordOf<crm::v1::Engagement>("created_at { seconds: -1 nanos: 999999999 } updated_at { }");
  Check<crm::v1::Engagement>(old, {
                                      {"created_at < 1970-01-01", true},
                                      {"created_at > 1969-12-31", true},
                                      {"updated_at = 1970-01-01", true},
                                      {"started_at < 2030-01-01", false},
                                      {"started_at:*", false},
                                  });
}

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

TEST(FilterTruth, OrBindsTighterThanAndAndSideBySideMeansAnd) {
  const Record record = RecordOf<crm::v1::Opportunity>(R"pb(fields { name: "a" amount: 1 })pb");
  Check<crm::v1::Opportunity>(record,
                              {
                                  // T OR F AND F: (T OR F) AND F, where SQL would have true.
                                  {"name = a OR name = b AND amount = 2", false},
                                  {"name = a OR (name = b AND amount = 2)", true},
                                  {"amount = 2 AND name = b OR name = a", false},
                                  {"amount = 1 name = b OR name = a", true},
                                  {"amount = 1 name = a", true},
                                  {"amount = 1 name = b", false},
                                  {"name = b OR amount = 2 OR amount = 1", true},
                                  {"NOT name = b amount = 1", true},
                                  {"NOT name = a OR amount = 1", true},
                                  {"-name = b", true},
                                  {"- name = b", true},
                                  {"NOT NOT name = a", true},
                                  {"NOT -name = a", true},
                                  {"(((name = a)))", true},
                                  {"(name=a)AND(amount=1)", true},
                                  {"(name=b)OR(amount=1)", true},
                                  {"(name=a)(amount=2)", false},
                                  {"NOT(name=b)", true},
                                  {"name=a\tAND\namount=1", true},
                              });
}

TEST(FilterTruth, OverAllModelsTheFrameIsKnown) {
  const Record record = Deal();
  for (const Case& one : std::vector<Case>{{"model = crmOpportunity", true},
                                           {"model = crmStage", false},
                                           {"model = crm*", true},
                                           {"model = (crmStage OR crmOpportunity)", true},
                                           {"owner_id = acme updated_at > 2025-01-01", true},
                                           {"custom_fields.region = EU", true},
                                           {"previous.updated_at:* OR model = crm*", true}}) {
    auto filter = Filter::CompileForFeed(one.filter);
    TRIBUTARY_ASSERT_OK(filter);
    EXPECT_EQ((*filter)->Matches(record), one.matches) << one.filter;
  }
}

}  // namespace
}  // namespace tributary::testing
