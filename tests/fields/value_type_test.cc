// What type a value shows, and what contradicts a declared one.

#include "server/fields/value_type.h"

#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "server/model/json_body.h"

namespace tributary {
namespace {

using Fields = custom::v1::FieldDefinition::Fields;

class ValueTypeTest : public ::testing::Test {
 protected:
  std::string TypeNameOf(std::string json) {
    EXPECT_TRUE(body_.Parse(json)) << json;
    const std::optional<FieldType> type = TypeOf(body_.root());
    return type.has_value() ? Fields::Type_Name(*type) : "none";
  }
  bool Fits(FieldType type, std::string json, const FieldOptions* options = nullptr) {
    return RuleOf(type, options, std::move(json)).empty();
  }
  std::string_view RuleOf(FieldType type, const FieldOptions* options, std::string json) {
    EXPECT_TRUE(body_.Parse(json)) << json;
    return BrokenRule(type, options, body_.root());
  }

  JsonBody body_;
};

TEST_F(ValueTypeTest, IsInferredFromTheValue) {
  EXPECT_EQ(TypeNameOf("\"EU\""), "TYPE_TEXT");
  EXPECT_EQ(TypeNameOf("\"\""), "TYPE_TEXT");
  EXPECT_EQ(TypeNameOf("\"12\""), "TYPE_TEXT");
  EXPECT_EQ(TypeNameOf("\"20250701\""), "TYPE_TEXT");
  EXPECT_EQ(TypeNameOf("\"2025-07-01\""), "TYPE_DATETIME");
  EXPECT_EQ(TypeNameOf("\"2025-07-01T10:00:00Z\""), "TYPE_DATETIME");
  EXPECT_EQ(TypeNameOf("\"2025-07-01 and more\""), "TYPE_TEXT");
  EXPECT_EQ(TypeNameOf("12"), "TYPE_NUMBER");
  EXPECT_EQ(TypeNameOf("-1.5e3"), "TYPE_NUMBER");
  EXPECT_EQ(TypeNameOf("7782342274025937895000000"), "TYPE_NUMBER");
  EXPECT_EQ(TypeNameOf("false"), "TYPE_BOOLEAN");
  EXPECT_EQ(TypeNameOf("{}"), "TYPE_OBJECT");
  EXPECT_EQ(TypeNameOf("[\"a\", \"b\"]"), "TYPE_LIST_TEXT");
  EXPECT_EQ(TypeNameOf("[null, \"b\"]"), "TYPE_LIST_TEXT");
  EXPECT_EQ(TypeNameOf("[1, 2]"), "TYPE_OBJECT");
  EXPECT_EQ(TypeNameOf("[{}]"), "TYPE_OBJECT");
}

TEST_F(ValueTypeTest, IsNoneWhereThereIsNoValue) {
  EXPECT_EQ(TypeNameOf("null"), "none");
  EXPECT_EQ(TypeNameOf("[]"), "none");
  EXPECT_EQ(TypeNameOf("[null]"), "none");
}

TEST_F(ValueTypeTest, WhatIsNoValueFitsEveryType) {
  for (int type = Fields::Type_MIN; type <= Fields::Type_MAX; ++type) {
    EXPECT_TRUE(Fits(static_cast<FieldType>(type), "null")) << type;
  }
  EXPECT_TRUE(Fits(Fields::TYPE_LIST_TEXT, "[]"));
}

TEST_F(ValueTypeTest, WhatAValueShowsFitsItself) {
  for (const char* json : {"\"EU\"", "12", "true", "\"2025-07-01\"", "[\"a\"]", "{\"a\": 1}"}) {
    std::string text = json;
    ASSERT_TRUE(body_.Parse(text));
    EXPECT_TRUE(Fits(*TypeOf(body_.root()), json)) << json;
  }
}

TEST_F(ValueTypeTest, NumbersAndBooleansMayStandInStrings) {
  EXPECT_TRUE(Fits(Fields::TYPE_NUMBER, "\"12.5\""));
  EXPECT_TRUE(Fits(Fields::TYPE_BOOLEAN, "\"true\""));
  EXPECT_FALSE(Fits(Fields::TYPE_NUMBER, "\"12 EUR\""));
  EXPECT_FALSE(Fits(Fields::TYPE_NUMBER, "\"\""));
  EXPECT_FALSE(Fits(Fields::TYPE_NUMBER, "\"nan\""));
  EXPECT_FALSE(Fits(Fields::TYPE_BOOLEAN, "\"yes\""));
  EXPECT_FALSE(Fits(Fields::TYPE_BOOLEAN, "1"));
}

TEST_F(ValueTypeTest, AnotherTypeContradicts) {
  EXPECT_FALSE(Fits(Fields::TYPE_TEXT, "12"));
  EXPECT_FALSE(Fits(Fields::TYPE_TEXT, "[\"a\"]"));
  EXPECT_FALSE(Fits(Fields::TYPE_SELECT, "{}"));
  EXPECT_TRUE(Fits(Fields::TYPE_SELECT, "\"a\""));
  EXPECT_FALSE(Fits(Fields::TYPE_NUMBER, "true"));
  EXPECT_FALSE(Fits(Fields::TYPE_DATETIME, "\"soon\""));
  EXPECT_FALSE(Fits(Fields::TYPE_DATETIME, "1751328000000"));
  EXPECT_FALSE(Fits(Fields::TYPE_LIST_TEXT, "\"a\""));
  EXPECT_FALSE(Fits(Fields::TYPE_LIST_SELECT, "[\"a\", 1]"));
  EXPECT_TRUE(Fits(Fields::TYPE_LIST_SELECT, "[\"a\", null]"));
  EXPECT_FALSE(Fits(Fields::TYPE_OBJECT, "\"a\""));
  EXPECT_TRUE(Fits(Fields::TYPE_OBJECT, "[1]"));
}

TEST_F(ValueTypeTest, ASelectTakesItsOptionsAndNoOther) {
  const FieldOptions options = {"hot", "417"};
  EXPECT_TRUE(Fits(Fields::TYPE_SELECT, "\"hot\"", &options));
  EXPECT_TRUE(Fits(Fields::TYPE_SELECT, "417", &options)) << "an id, as one connector sends it";
  EXPECT_TRUE(Fits(Fields::TYPE_SELECT, "\"\"", &options)) << "nothing was chosen";
  EXPECT_EQ(RuleOf(Fields::TYPE_SELECT, &options, "\"Hot\""),
            "is none of the options of its definition");
  EXPECT_FALSE(Fits(Fields::TYPE_SELECT, "418", &options));
  EXPECT_EQ(RuleOf(Fields::TYPE_SELECT, &options, "[\"hot\"]"), "is defined as a text");
  EXPECT_TRUE(Fits(Fields::TYPE_SELECT, "\"any\"")) << "none were declared";
  EXPECT_TRUE(Fits(Fields::TYPE_SELECT, "5"));
}

TEST_F(ValueTypeTest, OfSeveralChosenOptionsEachIsOne) {
  const FieldOptions options = {"hot", "cold"};
  EXPECT_TRUE(Fits(Fields::TYPE_LIST_SELECT, "[\"hot\", \"cold\", null]", &options));
  EXPECT_TRUE(Fits(Fields::TYPE_LIST_SELECT, "[]", &options));
  EXPECT_EQ(RuleOf(Fields::TYPE_LIST_SELECT, &options, "[\"hot\", \"warm\"]"),
            "holds what is none of the options of its definition");
  EXPECT_FALSE(Fits(Fields::TYPE_LIST_SELECT, "\"hot\"", &options));
  EXPECT_TRUE(Fits(Fields::TYPE_LIST_SELECT, "[\"any\"]"));
  EXPECT_TRUE(Fits(Fields::TYPE_TEXT, "\"warm\"", &options)) << "only a select has options";
}

}  // namespace
}  // namespace tributary
