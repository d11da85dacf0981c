#include "server/serve/list_plan.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "tests/testing/status_matchers.h"

namespace tributary {
namespace {

using Order = IndexScan::Order;
using ::testing::HasSubstr;
using testing::StatusIs;

class ListPlanTest : public ::testing::Test {
 protected:
  absl::StatusOr<ListPlan> Plan(const std::string& filter, const std::string& order_by = "") {
    Request request;
    request.filter = filter;
    request.order_by = order_by;
    return PlanList(*model_, index_, request);
  }
  // The field that the plan's index is of; "" for none.
  std::string Field(const std::string& filter, const std::string& order_by = "") {
    const auto plan = Plan(filter, order_by);
    TRIBUTARY_EXPECT_OK(plan);
    if (!plan.ok() || !plan->index.has_value()) return "";
    for (const auto& field : index_.fields()) {
      if (field.number == plan->index->field) return field.path;
    }
    return "?";
  }

  const ModelRegistry registry_ = *ModelRegistry::Build(ResourceDescriptors());
  const Model* const model_ = registry_.Find("crmOpportunity");
  const ResourceIndex index_{*model_};
};

TEST_F(ListPlanTest, AnEqualityThatAllMustHaveLeadsToTheFew) {
  EXPECT_EQ(Field("stage = won"), "fields.stage");
  EXPECT_EQ(Field("stage.id = won AND name = x"), "fields.stage");
  EXPECT_EQ(Field("contacts:\"12\""), "fields.contacts");
  EXPECT_EQ(Field("amount = 5"), "fields.amount");
  EXPECT_EQ(Field("updated_at = \"2025-01-01\""), "updated_at");
  // Few have a person in common, many an amount.
  EXPECT_EQ(Field("amount = 5 owner = u1"), "fields.owner");
}

TEST_F(ListPlanTest, WhatOnlySomeMustHaveLeadsNowhere) {
  for (const char* filter :
       {"", "stage = won OR owner = u1", "NOT stage = won", "stage != won", "stage = (a OR b)",
        "stage = w*", "stage:*", "name = x", "amount > 5", "stage.type = won", "NOT (stage = won)",
        "custom_fields.stage = won", "stage.model = crmStage", "id = a"}) {
    EXPECT_EQ(Field(filter), "") << filter;
  }
}

TEST_F(ListPlanTest, AnOrderIsReadFromItsIndexAndBoundedByTheFilter) {
  auto plan = Plan("amount >= 5 AND amount < 9", "amount");
  TRIBUTARY_ASSERT_OK(plan);
  EXPECT_EQ(plan->index->order, Order::kRising);
  EXPECT_EQ(plan->index->from, ResourceIndex::OfNumber(5));
  EXPECT_EQ(plan->index->until, ResourceIndex::OfNumber(9));
  plan = Plan("amount <= 9 stage = won", "fields.amount desc");
  TRIBUTARY_ASSERT_OK(plan);
  EXPECT_EQ(plan->index->order, Order::kDescending);
  EXPECT_EQ(plan->index->from, "");
  EXPECT_GT(plan->index->until, ResourceIndex::OfNumber(9));
  EXPECT_LT(plan->index->until, ResourceIndex::OfNumber(9.001));
  EXPECT_EQ(Field("amount > 5", "updatedAt desc"), "updated_at");
}

TEST_F(ListPlanTest, AnOrderWithoutAnIndexIsRefusedWithThoseThatHaveOne) {
  for (const char* order : {"name", "stage", "amount up", "amount desc asc", "amount,name", ","}) {
    EXPECT_THAT(Plan("", order), StatusIs(absl::StatusCode::kInvalidArgument)) << order;
  }
  EXPECT_THAT(std::string(Plan("", "name").status().message()),
              HasSubstr("created_at, updated_at, fields.amount"));
}

}  // namespace
}  // namespace tributary
