#include "server/model/changed_fields.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/strings.h"
#include "tests/model/decoding.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Record RecordOf(std::string_view model, std::string_view data) {
  const DecodedWebhook decoded = Decode(absl::StrCat(
      "{\"event\":\"", Absl(model), "::updated\",\"data\":{\"id\":\"1\",", Absl(data), "}}"));
  EXPECT_EQ(decoded.refusal, DecodedWebhook::Refusal::kNone);
  const Mutation& own = decoded.delivery.mutations.back();
  return {.key = own.key, .revision = 1, .deleted = false, .state = own.state, .raw = own.raw};
}

std::vector<std::string> Paths(std::string_view model, const Record& before, const Record& after) {
  // Encoded as the field of a change, so any change message reads it.
  crm::v1::OpportunityChange change;
  EXPECT_TRUE(change.ParseFromString(ChangedFields(*Registry().Find(model), before, after)));
  return {change.changed_fields().begin(), change.changed_fields().end()};
}

std::vector<std::string> Changed(std::string_view before, std::string_view after,
                                 std::string_view model = "crmOpportunity") {
  return Paths(model, RecordOf(model, before), RecordOf(model, after));
}

TEST(ChangedFields, NamesNothingInEqualStates) {
  const std::string data =
      R"("fields":{"name":"a","x":[1]},"rawResource":{"a":1},"updatedAt":"2025-01-01")";
  EXPECT_THAT(Changed(data, data), IsEmpty());
}

TEST(ChangedFields, NamesFieldsByTheirProtoNames) {
  EXPECT_THAT(
      Changed(R"("fields":{"type":"call","startedAt":"2025-01-01","duration":1})",
              R"("fields":{"type":"note","startedAt":"2025-01-02","duration":2})", "crmEngagement"),
      ElementsAre("fields.type", "fields.started_at", "fields.duration_seconds"));
}

TEST(ChangedFields, TellsAbsentFromEmptyAndZero) {
  EXPECT_THAT(Changed(R"("fields":{"name":"a"})", R"("fields":{"name":"a","amount":0})"),
              ElementsAre("fields.amount"));
  EXPECT_THAT(
      Changed(R"("fields":{"amount":1,"currency":"EUR"})", R"("fields":{"currency":"EUR"})"),
      ElementsAre("fields.amount"));
  EXPECT_THAT(Changed(R"("fields":{})", R"("object":"resource")"), ElementsAre("fields"));
}

TEST(ChangedFields, CountsAListOrANestedMessageAsAWhole) {
  EXPECT_THAT(
      Changed(
          R"("fields":{"owner":{"id":"1"},"contacts":[{"id":"1"},{"id":"2"}]})",
          R"("fields":{"owner":{"id":"1","remote":{"id":"9"}},"contacts":[{"id":"2"},{"id":"1"}]})"),
      ElementsAre("fields.owner", "fields.contacts"));
}

TEST(ChangedFields, NamesCustomFieldsBytewiseWithOddKeysInBackquotes) {
  EXPECT_THAT(Changed(R"("fields":{"b":1,"same":[1],"gone":null,"odd key":1})",
                      R"("fields":{"b":2,"same":[1],"Z":1,"a`b":1,"odd key":2})"),
              ElementsAre("custom_fields.Z", "custom_fields.`a``b`", "custom_fields.b",
                          "custom_fields.gone", "custom_fields.`odd key`"));
}

TEST(ChangedFields, NamesTheFrameInTheOrderOfItsNumbers) {
  EXPECT_THAT(
      Changed(R"("fields":{"name":"a","x":1},"createdAt":"2025-01-01","updatedAt":"2025-01-01")",
              R"("fields":{"name":"b","x":2},"createdAt":"2025-01-02","updatedAt":"2025-01-02",)"
              R"("warnings":[{"code":"A"}],"rawResource":1,"remote":{"id":"r"})"),
      ElementsAre("fields.name", "custom_fields.x", "created_at", "updated_at", "warnings",
                  "raw_resource", "remote_id"));
}

TEST(ChangedFields, SeesRawResourceAlone) {
  EXPECT_THAT(Changed(R"("rawResource":1)", R"("rawResource":2)"), ElementsAre("raw_resource"));
}

TEST(ChangedFields, NeverNamesTheRevision) {
  Record before = RecordOf("crmOpportunity", R"("fields":{"name":"a"})");
  Record after = before;
  after.revision = 7;
  wire::AppendUint(before.state, 11, 1);
  wire::AppendUint(after.state, 11, 7);
  EXPECT_THAT(Paths("crmOpportunity", before, after), IsEmpty());
}

TEST(ChangedFields, IsHarmlessOnBytesThatAreNoMessage) {
  Record before = RecordOf("crmOpportunity", R"("fields":{"name":"a"})");
  Record after = before;
  after.state = "\xFF\xFF\xFF";
  EXPECT_FALSE(Paths("crmOpportunity", before, after).empty());
}

}  // namespace
}  // namespace tributary::testing
