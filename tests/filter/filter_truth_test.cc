// What a filter says of a state: one line per type and operator.

#include "tests/filter/truth.h"
#include "tributary/crm/v1/engagement.pb.h"
#include "tributary/scheduling/v1/event_type.pb.h"
#include "tributary/scheduling/v1/scheduled_event.pb.h"

namespace tributary::testing {
namespace {

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
