#include "server/model/resource_index.h"

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/strings.h"
#include "tests/model/decoding.h"

namespace tributary::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

ResourceIndex IndexOf(std::string_view model) { return ResourceIndex(*Registry().Find(model)); }

// The values of one field of a resource.
std::vector<std::string> Values(std::string_view model, std::string_view path,
                                std::string_view data) {
  const DecodedWebhook decoded = Decode(absl::StrCat(
      "{\"event\":\"", Absl(model), "::updated\",\"data\":{\"id\":\"1\",", Absl(data), "}}"));
  EXPECT_EQ(decoded.refusal, DecodedWebhook::Refusal::kNone);
  const ResourceIndex index = IndexOf(model);
  const ResourceIndex::Field* field = index.Find(path);
  EXPECT_NE(field, nullptr);
  std::vector<std::string> values;
  for (const IndexEntry& entry : index.EntriesOf(decoded.delivery.mutations.back().state)) {
    if (entry.field == field->number) values.push_back(entry.value);
  }
  return values;
}

TEST(ResourceIndex, KnowsWhatTheProtoMarksAndTheTimes) {
  const ResourceIndex index = IndexOf("crmOpportunity");
  for (const char* path : {"amount", "fields.amount", "stage", "contacts", "updated_at"}) {
    EXPECT_NE(index.Find(path), nullptr) << path;
  }
  for (const char* path : {"name", "fields.currency", "custom_fields.amount", ""}) {
    EXPECT_EQ(index.Find(path), nullptr) << path;
  }
  EXPECT_TRUE(index.Find("amount")->ordered);
  EXPECT_FALSE(index.Find("stage")->ordered);
}

TEST(ResourceIndex, HoldsOneValueOfAFieldOrTheAbsentOne) {
  EXPECT_THAT(Values("crmOpportunity", "amount", R"("fields":{"amount":12.5})"),
              ElementsAre(ResourceIndex::OfNumber(12.5)));
  EXPECT_THAT(Values("crmOpportunity", "amount", R"("fields":{"amount":0})"),
              ElementsAre(ResourceIndex::OfNumber(0)));
  EXPECT_THAT(Values("crmOpportunity", "amount", R"("fields":{})"),
              ElementsAre(ResourceIndex::Absent()));
  EXPECT_THAT(Values("crmOpportunity", "updated_at", R"("updatedAt":"1970-01-01T00:00:01.5Z")"),
              ElementsAre(ResourceIndex::OfTime({1, 500'000'000})));
}

TEST(ResourceIndex, HoldsTheIdsOfReferences) {
  EXPECT_THAT(Values("crmOpportunity", "stage",
                     R"("fields":{"stage":{"object":"reference","model":"crmStage","id":"won"}})"),
              ElementsAre(ResourceIndex::OfText("won")));
  EXPECT_THAT(Values("crmOpportunity", "contacts", R"("fields":{"contacts":[
                       {"object":"reference","model":"genericContact","id":"b"},
                       {"object":"reference","model":"genericContact","id":"a"},
                       {"object":"reference","model":"genericContact","id":"b"}]})"),
              ElementsAre(ResourceIndex::OfText("a"), ResourceIndex::OfText("b")));
  EXPECT_THAT(Values("crmOpportunity", "stage", R"("fields":{})"), IsEmpty());
}

TEST(ResourceIndex, ValuesSortAsWhatTheyStandFor) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double numbers[] = {-kInfinity, -1e300, -2, -1.5, -1e-300, 0, 1e-300, 1, 1.5, 2, 1e300};
  std::string last = ResourceIndex::Absent();
  for (const double number : numbers) {
    EXPECT_LT(last, ResourceIndex::OfNumber(number)) << number;
    last = ResourceIndex::OfNumber(number);
  }
  EXPECT_EQ(ResourceIndex::OfNumber(-0.0), ResourceIndex::OfNumber(0));
  const std::pair<int64_t, int32_t> times[] = {{-5, 0}, {-5, 1}, {0, 0}, {0, 999'999'999}, {1, 0}};
  last = ResourceIndex::Absent();
  for (const auto& [seconds, nanos] : times) {
    EXPECT_LT(last, ResourceIndex::OfTime({seconds, nanos})) << seconds;
    last = ResourceIndex::OfTime({seconds, nanos});
  }
  EXPECT_LT(ResourceIndex::Absent(), ResourceIndex::OfText(""));
  EXPECT_LT(ResourceIndex::OfText("a"), ResourceIndex::OfText("a\x01"));
}

TEST(ResourceIndex, EveryModelHasItsOwnDefinition) {
  std::vector<int64_t> definitions;
  for (const auto& model : Registry().models()) {
    const int64_t definition = ResourceIndex(*model).Definition();
    EXPECT_THAT(definitions, ::testing::Not(Contains(definition)));
    EXPECT_EQ(definition, ResourceIndex(*model).Definition());
    definitions.push_back(definition);
  }
}

}  // namespace
}  // namespace tributary::testing
