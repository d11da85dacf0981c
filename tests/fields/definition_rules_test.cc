// What a definition may say.

#include "server/fields/definition_rules.h"

#include <functional>
#include <string>

#include "gtest/gtest.h"
#include "proto/resources.h"
#include "tests/testing/status_matchers.h"

namespace tributary {
namespace {

const ModelRegistry& Models() {
  static const ModelRegistry* const models =
      new ModelRegistry(*ModelRegistry::Build(ResourceDescriptors()));
  return *models;
}

DefinitionFields Region() {
  DefinitionFields fields;
  fields.set_model("crmOpportunity");
  fields.set_key("region");
  fields.set_name("Region");
  fields.set_type(DefinitionFields::TYPE_SELECT);
  fields.add_options()->set_value("EU");
  fields.add_options()->set_value("US");
  return fields;
}

// The fields at fault.
std::string Faults(const ViolationList& violations) {
  std::string faults;
  for (const auto& violation : violations) {
    faults += (faults.empty() ? "" : " ") + violation.field;
    EXPECT_FALSE(violation.description.empty());
  }
  return faults;
}

struct Fault {
  const char* name;
  std::function<void(DefinitionFields&)> make;
  const char* field;
};

TEST(DefinitionRules, WhatKeepsThemHasNoFault) {
  EXPECT_EQ(Faults(CheckDefinition(Region(), Models())), "");
}

TEST(DefinitionRules, EachFaultIsNamedByItsAttribute) {
  google::protobuf::Value deep;
  google::protobuf::Value* inner = &deep;
  for (int i = 0; i < 17; ++i) inner = inner->mutable_list_value()->add_values();
  const Fault faults[] = {
      {"no model", [](auto& f) { f.clear_model(); }, "fields.model"},
      {"unknown model", [](auto& f) { f.set_model("crmLead"); }, "fields.model"},
      {"itself", [](auto& f) { f.set_model(Models().field_definitions()->name()); },
       "fields.model"},
      {"no key", [](auto& f) { f.clear_key(); }, "fields.key"},
      {"empty key", [](auto& f) { f.set_key(""); }, "fields.key"},
      {"long key", [](auto& f) { f.set_key(std::string(257, 'k')); }, "fields.key"},
      {"key with control", [](auto& f) { f.set_key("a\nb"); }, "fields.key"},
      {"key of the model", [](auto& f) { f.set_key("amount"); }, "fields.key"},
      {"no type",
       [](auto& f) {
         f.clear_type();
         f.clear_options();
       },
       "fields.type"},
      {"unspecified",
       [](auto& f) {
         f.set_type({});
         f.clear_options();
       },
       "fields.type"},
      {"long name", [](auto& f) { f.set_name(std::string(251, 'n')); }, "fields.name"},
      {"long unit", [](auto& f) { f.set_unit(std::string(65, 'u')); }, "fields.unit"},
      {"option without value", [](auto& f) { f.add_options(); }, "fields.options[2].value"},
      {"option twice", [](auto& f) { f.add_options()->set_value("EU"); }, "fields.options"},
      {"options of a text", [](auto& f) { f.set_type(DefinitionFields::TYPE_TEXT); },
       "fields.options"},
      {"long remote key", [](auto& f) { f.mutable_remote()->set_key(std::string(513, 'k')); },
       "fields.remote.key"},
      {"deep metadata", [&](auto& f) { (*f.mutable_remote()->mutable_metadata())["a"] = deep; },
       "fields.remote.metadata"},
      {"too large",
       [](auto& f) {
         (*f.mutable_remote()->mutable_metadata())["a"].set_string_value(
             std::string(256 * 1024, 'x'));
       },
       "fields"},
  };
  for (const Fault& fault : faults) {
    DefinitionFields fields = Region();
    fault.make(fields);
    EXPECT_EQ(Faults(CheckDefinition(fields, Models())), fault.field) << fault.name;
  }
}

TEST(DefinitionRules, TooManyOptionsAreRefused) {
  DefinitionFields fields = Region();
  for (int i = 0; i < 998; ++i) fields.add_options()->set_value(std::to_string(i));
  EXPECT_EQ(Faults(CheckDefinition(fields, Models())), "");
  fields.add_options()->set_value("one more");
  EXPECT_EQ(Faults(CheckDefinition(fields, Models())), "fields.options");
}

TEST(DefinitionRules, WithoutAMaskWhatIsPresentIsTakenOver) {
  DefinitionFields sent;
  sent.set_model("");
  sent.set_name("Territory");
  sent.set_is_required(false);
  DefinitionFields into = Region();
  EXPECT_EQ(Faults(MergeDefinition(sent, {}, into)), "");
  EXPECT_EQ(into.model(), "crmOpportunity");
  EXPECT_EQ(into.name(), "Territory");
  EXPECT_TRUE(into.has_is_required());
  EXPECT_EQ(into.options_size(), 2);
}

TEST(DefinitionRules, AMaskTakesOverWhatItNamesAndRemovesWhatIsAbsent) {
  DefinitionFields sent;
  sent.set_name("not named");
  sent.set_unit("EUR");
  google::protobuf::FieldMask mask;
  for (const char* path : {"fields.unit", "fields.unit", "fields.options"}) mask.add_paths(path);
  DefinitionFields into = Region();
  EXPECT_EQ(Faults(MergeDefinition(sent, mask, into)), "");
  EXPECT_EQ(into.name(), "Region");
  EXPECT_EQ(into.unit(), "EUR");
  EXPECT_EQ(into.options_size(), 0);
}

TEST(DefinitionRules, WhatNeverChangesIsRefused) {
  DefinitionFields sent;
  sent.set_key("other");
  sent.set_origin(DefinitionFields::ORIGIN_DISCOVERED);
  DefinitionFields into = Region();
  EXPECT_EQ(Faults(MergeDefinition(sent, {}, into)), "fields.origin fields.key");
  google::protobuf::FieldMask mask;
  for (const char* path : {"name", "fields.nothing", "fields.key"}) mask.add_paths(path);
  EXPECT_EQ(Faults(MergeDefinition({}, mask, into)), "update_mask update_mask update_mask");
}

}  // namespace
}  // namespace tributary
