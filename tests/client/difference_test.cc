#include "client/command/difference.h"

#include <string>

#include "client/command/cell.h"
#include "client/reflect.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/crm/v1/stage.pb.h"
#include "tributary/generic/v1/contact.pb.h"
#include "tributary/scheduling/v1/event_type.pb.h"

namespace tributary::command {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <typename T>
T Parse(const std::string& text) {
  T message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// The difference of one path between two sets of fields of a deal.
std::string Difference(const std::string& path, const std::string& before,
                       const std::string& after) {
  auto change =
      Parse<crm::v1::OpportunityChange>("previous { " + before + " } resource { " + after + " }");
  change.add_changed_fields(path);
  return DifferenceText(change);
}

TEST(Difference, ShowsEachKindOfValueBeforeAndAfter) {
  EXPECT_EQ(Difference("fields.amount", "fields { amount: 10 }", "fields { amount: 18499.9 }"),
            "amount 10 → 18499.9");
  EXPECT_EQ(Difference("fields.name", "fields { name: 'A' }", "fields { name: 'B, \"b\"' }"),
            R"(name "A" → "B, \"b\"")");
  EXPECT_EQ(
      Difference("fields.stage", "fields { stage { id: 's1' } }", "fields { stage { id: 's2' } }"),
      "stage s1 → s2");
  EXPECT_EQ(Difference("updated_at", "updated_at { seconds: 0 }", "updated_at { seconds: 1 }"),
            "updated_at 1970-01-01T00:00:00.000Z → 1970-01-01T00:00:01.000Z");
  const auto stage = Parse<crm::v1::StageChange>(
      "previous { fields { type: TYPE_OPEN } } resource { fields { type: TYPE_WON } } "
      "changed_fields: 'fields.type'");
  EXPECT_EQ(DifferenceText(stage), "type open → won");
}

TEST(Difference, TellsAbsentFromEmptyAndFromZero) {
  EXPECT_EQ(Difference("fields.amount", "", "fields { amount: 0 }"), "amount unset → 0");
  EXPECT_EQ(Difference("fields.name", "fields { name: '' }", ""), "name \"\" → unset");
  EXPECT_EQ(Difference("fields.stage", "fields { stage { id: 's1' } }", ""), "stage s1 → unset");
  EXPECT_EQ(Difference("created_at", "", "created_at {}"),
            "created_at unset → 1970-01-01T00:00:00.000Z");
}

TEST(Difference, OfAListIsWhatCameAndWhatWent) {
  const std::string two = "fields { contacts { id: 'c1' } contacts { id: 'c2' } }";
  EXPECT_EQ(
      Difference("fields.contacts", two, "fields { contacts { id: 'c1' } contacts { id: 'c3' } }"),
      "contacts -c2 +c3");
  EXPECT_EQ(Difference("fields.contacts", "", two), "contacts +c1 +c2");
  EXPECT_EQ(Difference("fields.contacts", two, ""), "contacts -c1 -c2");
  EXPECT_EQ(
      Difference("fields.contacts", two, "fields { contacts { id: 'c2' } contacts { id: 'c1' } }"),
      "contacts in another order");
  EXPECT_EQ(Difference("fields.contacts", "fields { contacts { id: 'c1' } }",
                       "fields { contacts { id: 'c1' } contacts { id: 'c1' } }"),
            "contacts +c1")
      << "how often counts too";
  std::string many;
  for (int i = 100; i < 200; ++i) many += "contacts { id: 'c" + std::to_string(i) + "' } ";
  EXPECT_EQ(Difference("fields.contacts", "", "fields { " + many + "}"),
            "contacts +c100 +c101 +c102 +c103 +c104 +(95 more)");
}

TEST(Difference, OfCustomFieldsIsOfOneKey) {
  const std::string before =
      "custom_fields { key: 'odd `key`' value { number_value: 1 } } "
      "custom_fields { key: 'region' value { string_value: 'EU' } }";
  const std::string after =
      "custom_fields { key: 'odd `key`' value { list_value { values { bool_value: true } } } }";
  EXPECT_EQ(Difference("custom_fields.`odd ``key```", before, after),
            "custom_fields.`odd ``key``` 1 → [true]");
  EXPECT_EQ(Difference("custom_fields.region", before, after),
            R"(custom_fields.region "EU" → unset)");
}

TEST(Difference, OfNestedMessagesIsTheirJson) {
  const auto change = Parse<scheduling::v1::EventTypeChange>(R"pb(
    previous { fields { questions { key: "q1" name: "Why?" } } }
    resource { fields { questions { key: "q1" name: "Why not?" } } }
    changed_fields: "fields.questions")pb");
  EXPECT_EQ(DifferenceText(change),
            R"(questions -{"key":"q1","name":"Why?"} +{"key":"q1","name":"Why not?"})");
}

TEST(Difference, IsOfAllThatChangedButTheTimeBesideOthers) {
  auto change = Parse<crm::v1::OpportunityChange>(R"pb(
    previous {
      fields { amount: 1 }
      updated_at { seconds: 1 }
    }
    resource {
      fields { amount: 2 name: "A" }
      updated_at { seconds: 2 }
    }
    changed_fields: [ "fields.name", "fields.amount", "updated_at" ])pb");
  EXPECT_EQ(DifferenceText(change), R"(name unset → "A", amount 1 → 2)");
}

TEST(Difference, SaysWhatItDoesNotKnow) {
  auto change = Parse<crm::v1::OpportunityChange>(R"pb(
    resource {
      fields {
        amount: 2
        contacts { id: "c1" }
        contacts { id: "c2" }
      }
    }
    changed_fields: [ "fields.amount", "fields.contacts", "fields.newer", "custom_fields.x" ])pb");
  EXPECT_EQ(DifferenceText(change),
            "amount ? → 2, contacts ? → [c1, c2], newer, custom_fields.x ? → unset");
  change.clear_changed_fields();
  EXPECT_EQ(DifferenceText(change), "");
}

TEST(Difference, IsOneLineAndShortWhateverTheValue) {
  const std::string text = Difference(
      "fields.name", "", "fields { name: 'a\\n\\033[31m" + std::string(500, 'x') + "' }");
  EXPECT_THAT(text, Not(HasSubstr("\n")));
  EXPECT_THAT(text, Not(HasSubstr("\033")));
  EXPECT_THAT(text, HasSubstr("…\""));
  EXPECT_LT(text.size(), 120u);
}

TEST(Cell, OfAReferenceHasTheTitleOfItsResource) {
  auto deal = Parse<crm::v1::Opportunity>("fields { stage { id: 's1' } contacts { id: 'c1' } }");
  auto& fields = *deal.mutable_fields();
  const auto& stage = FieldNamed(fields, "stage");
  const auto& contacts = FieldNamed(fields, "contacts");
  EXPECT_EQ(CellText(fields, stage), "s1");
  fields.mutable_stage()->mutable_resource()->PackFrom(
      Parse<crm::v1::Stage>("id: 's1' fields { name: 'Won' }"));
  fields.mutable_contacts(0)->mutable_resource()->PackFrom(Parse<generic::v1::Contact>(
      "fields { first_name: 'Inès' last_name: 'Durand' company_name: 'Acme' }"));
  EXPECT_EQ(CellText(fields, stage), "s1 (Won)");
  EXPECT_EQ(ItemText(fields, contacts, 0), "c1 (Inès Durand)");
  fields.mutable_stage()->mutable_resource()->PackFrom(Parse<crm::v1::Stage>("id: 's1'"));
  EXPECT_EQ(CellText(fields, stage), "s1") << "a resource without a name";
}

}  // namespace
}  // namespace tributary::command
