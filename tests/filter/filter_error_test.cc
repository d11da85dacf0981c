// What is no filter is refused, with where and why and what may have been meant.

#include <string>
#include <vector>

#include "server/base/limits.h"
#include "tests/filter/records.h"
#include "tributary/crm/v1/engagement.pb.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/scheduling/v1/event_type.pb.h"
#include "tributary/telephony/v1/call_transcript.pb.h"

namespace tributary::testing {
namespace {

using crm::v1::Opportunity;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct Case {
  std::string filter;
  int position;
  std::string says;
};

template <typename Message>
void Check(const std::vector<Case>& cases, Filter::Use use = Filter::Use::kList) {
  for (const Case& one : cases) {
    SCOPED_TRACE(one.filter.substr(0, 100));
    const auto filter = Filter::Compile(one.filter, *Message::descriptor(), use);
    EXPECT_THAT(filter, AllOf(StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(one.says)),
                              HasReason("FILTER_INVALID")));
    const ErrorDetail detail = DetailOf(filter.status());
    ASSERT_EQ(detail.metadata.size(), 2u);
    EXPECT_EQ(detail.metadata[0].first, "position");
    EXPECT_EQ(detail.metadata[0].second, std::to_string(one.position)) << filter.status();
    EXPECT_EQ(detail.metadata[1].first, "token");
    ASSERT_EQ(detail.violations.size(), 1u);
    EXPECT_EQ(detail.violations[0].field, "filter");
  }
}

TEST(FilterError, OfSyntaxNamesThePositionAndWhatWasExpected) {
  Check<Opportunity>({
      {"amount", 7, "the end: expected a comparator"},
      {"amount >", 9, "expected a value"},
      {"amount > AND", 10, "as text it needs quotes"},
      {"> 5", 1, "expected a field"},
      {"\"Acme\"", 1, "expected a field"},
      {"amount ! 5", 8, "expected a comparator"},
      {"amount == 5", 9, "no such comparator"},
      {"AND amount = 5", 1, "expected a field"},
      {"amount = 5 AND", 15, "must follow AND"},
      {"amount = 5 OR", 14, "expected a field"},
      {"amount = 5 AND OR", 16, "expected a field"},
      {"NOT", 4, "expected a field"},
      {"(amount = 5", 12, "expected a closing bracket"},
      {"amount = 5)", 11, "closes no bracket"},
      {"()", 2, "expected a field"},
      {"name = \"Acme", 8, "the quote is not closed"},
      {"name = 'Acme\\'", 8, "the quote is not closed"},
      {"name = \"\\q\"", 9, "no such escape"},
      {"name = a\\*b", 8, "a backslash needs quotes"},
      {"custom_fields.`a = 1", 15, "the backquote is not closed"},
      {"stage = (s1 OR s2", 18, "expected OR or a closing bracket"},
      {"stage = (s1 AND s2)", 13, "expected OR or a closing bracket"},
      {"stage = ()", 10, "expected a value"},
      {"fields. = 1", 8, "expected a field"},
      {"fields..name = 1", 8, "expected a field"},
      {"amount ~ 5", 8, "\"~\": expected a comparator"},
      // Characters, not bytes.
      {"name = \"été\" AND amuont > 1", 18, "did you mean amount?"},
      {"name = été é", 12, "\"é\": expected a field"},
      {"name = \"\xff\"", 1, "not UTF-8"},
      {"chnged(stage)", 1, "did you mean changed?"},
      {"changed(stage, name)", 14, "changed() takes one field"},
  });
}

TEST(FilterError, OfAnUnknownFieldNamesTheNearest) {
  Check<Opportunity>({
      {"stge = x", 1, "Opportunity has no such field (did you mean stage?)"},
      {"fields.curency = EUR", 8, "Fields has no such field (did you mean currency?)"},
      {"updatdAt > 2025-01-01", 1, "did you mean updatedAt?"},
      {"custom_field.region = EU", 1, "did you mean custom_fields?"},
      {"region = EU", 1, "no such field"},
      {"stage.typ = won", 7, "did you mean type?"},
      {"stage.resource:*", 7, "has a type that no filter can ask for"},
      {"amount.currency = EUR", 8, "amount has no fields"},
      {"created_at.seconds > 5", 12, "created_at has no fields"},
      {"raw_resource:*", 1, "cannot be asked for"},
      {"warnings.cod:x", 10, "did you mean code?"},
  });
  Check<crm::v1::Engagement>({
      {"companes:c1", 1, "did you mean companies?"},
      {"status = finished", 10, "no such value; there are "},
      {"status = inprogres", 10, "did you mean inProgress?"},
  });
}

TEST(FilterError, OfAWrongTypeSaysWhatIsExpected) {
  Check<Opportunity>({
      {"amount > lots", 10, "amount: expected a number"},
      {"amount > 5s", 10, "expected a number"},
      {"amount = 1e999", 10, "expected a number"},
      {"amount = nan", 10, "expected a number"},
      {"amount = 1*", 10, "only text has wildcards"},
      {"amount > *", 10, "only text has wildcards"},
      {"name > A*", 8, "a wildcard has no order"},
      {"name > (a OR b)", 1, "an order takes one value"},
      {"updated_at > yesterday", 14, "expected a time such as"},
      {"updated_at > 2025-02-30", 14, "expected a time such as"},
      {"stage > s1", 1, "has no order"},
      {"contacts = c1", 1, "is a list, of which only `:` can ask"},
      {"contacts.id = c1", 10, "is a list"},
      {"fields = x", 1, "is a message"},
      {"warnings:x", 1, "is a message"},
      {"custom_fields = x", 1, "is a map"},
      {"custom_fields.region > E*", 24, "a wildcard has no order"},
  });
  Check<crm::v1::Engagement>({
      {"status > done", 1, "has no order"},
      {"duration_seconds > 5m", 20, "or a duration such as 90s"},
  });
  Check<scheduling::v1::EventType>({
      {"questions.required:yes", 20, "expected true or false"},
      {"questions.required = true", 11, "is a list"},
  });
}

TEST(FilterError, OfAUseThatCannotBeNamesTheOtherOne) {
  Check<Opportunity>({
      {"changed(stage)", 9, "only Watch takes them"},
      {"amount > 1 previous.amount < 1", 12, "only Watch takes them"},
      {"stage.nme = x", 7, "did you mean name?"},
      {"contacts.email:x", 10, "as in contacts:\"ID\""},
      {"contacts.email = \"x\"", 10, "contacts is a list of references"},
      {"fields.contacts.last_name:*", 17, "as in fields.contacts:\"ID\""},
      {"-contacts.email:x", 11, "contacts is a list of references"},
  });
  Check<Opportunity>(
      {
          {"stage.type = won", 7, "compare stage with its id here; List takes such a filter"},
          {"changed(stage.type)", 15, "List takes such a filter"},
          {"contacts.email:x", 10, "as in contacts:\"ID\""},
          {"changed(previous.stage)", 9, "name the field alone"},
          {"changed(id)", 9, "never changes"},
          {"changed(revision)", 9, "changes with every change"},
          {"previous.previous.amount = 1", 10, "no such field"},
          {"previous.amuont = 1", 10, "did you mean amount?"},
          {"previous = 1", 1, "no such field"},
      },
      Filter::Use::kWatch);
}

TEST(FilterError, ThroughAListOfReferencesOnlyTheIdsCanBeAskedFor) {
  Check<telephony::v1::CallTranscript>({
      {"speakers.user.email:x", 15, "as in speakers.user:\"ID\""},
      {"speakers.contact.email = x", 18, "speakers.contact is a list of references"},
  });
  for (const char* works : {"speakers.user:\"ID\"", "speakers.user.id:u1"}) {
    TRIBUTARY_EXPECT_OK(
        Filter::Compile(works, *telephony::v1::CallTranscript::descriptor(), Filter::Use::kList))
        << works;
  }
}

TEST(FilterError, OverAllModelsOnlyTheFrameIsKnownAndNamed) {
  for (const char* text : {"fields.name = x", "name = x", "amount > 1", "modl = x"}) {
    const auto filter = Filter::CompileForFeed(text);
    EXPECT_THAT(filter, HasReason("FILTER_INVALID")) << text;
    EXPECT_THAT(filter,
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at character 1, ")));
    EXPECT_THAT(filter,
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("knows what every resource has, model, connector_id, owner_id, "
                                   "id, custom_fields, created_at, updated_at, warnings, "
                                   "remote_id, revision, and no model's own fields")));
  }
  EXPECT_THAT(Filter::CompileForFeed("modl = x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean model")));
  TRIBUTARY_EXPECT_OK(Filter::CompileForFeed("changed(updated_at) AND model = crmStage"));
}

std::string Repeated(const std::string& text, int times, const std::string& between = "") {
  std::string all;
  for (int i = 0; i < times; ++i) all += (i == 0 ? "" : between) + text;
  return all;
}

TEST(FilterError, AtALimitItStandsAndPastItItIsRefused) {
  const auto compile = [](const std::string& text) {
    return Filter::Compile(text, *Opportunity::descriptor(), Filter::Use::kWatch);
  };
  TRIBUTARY_EXPECT_OK(compile(Repeated("amount = 1", 64, " OR ")));
  TRIBUTARY_EXPECT_OK(compile(Repeated("changed(name)", 64, " ")));
  TRIBUTARY_EXPECT_OK(compile("stage = (" + Repeated("s", 64, " OR ") + ")"));
  TRIBUTARY_EXPECT_OK(compile(Repeated("(", 32) + "amount = 1" + Repeated(")", 32)));
  TRIBUTARY_EXPECT_OK(compile(Repeated("NOT ", 32) + "amount = 1"));
  TRIBUTARY_EXPECT_OK(compile("name = " + std::string(4096 - 7, 'x')));
  Check<Opportunity>({
      {Repeated("amount = 1", 65, " OR "), 897, "at most 64 comparisons"},
      {"stage = (" + Repeated("s", 65, " OR ") + ")", 1, "at most 64 comparisons"},
      {Repeated("(", 33) + "amount = 1" + Repeated(")", 33), 33, "at most 32 deep"},
      {Repeated("NOT ", 33) + "amount = 1", 129, "at most 32 deep"},
      {Repeated("-", 33) + "amount = 1", 33, "at most 32 deep"},
      {"name = " + std::string(4096 - 6, 'x'), 1, "at most 4096"},
      {"custom_fields" + Repeated(".a", 24) + " = 1", 61, "at most 24 names"},
  });
}

TEST(FilterError, StaysSmallWhateverItIsAbout) {
  for (const std::string& text :
       {std::string(1'000'000, 'x'), "name = \"" + std::string(4'000, '\x01'),
        "custom_fields.`" + std::string(4'000, '`'), Repeated("\xF0\x9F\x98\x80", 1'000),
        "amount > " + Repeated("\xC3\xA9", 2'000)}) {
    const auto filter = Filter::Compile(text, *Opportunity::descriptor(), Filter::Use::kList);
    ASSERT_FALSE(filter.ok());
    const ErrorDetail detail = DetailOf(filter.status());
    size_t bytes = filter.status().message().size() + detail.violations[0].description.size();
    for (const auto& [key, value] : detail.metadata) bytes += key.size() + value.size();
    EXPECT_LT(bytes, limits::kErrorBytesMax / 2);
  }
}

}  // namespace
}  // namespace tributary::testing
