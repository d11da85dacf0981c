// One step through a reference, in a List.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/filter/records.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/crm/v1/stage.pb.h"
#include "tributary/generic/v1/user.pb.h"

namespace tributary::testing {
namespace {

using crm::v1::Opportunity;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Knows a won stage and a user, and keeps what it was asked for.
class Others final : public RecordLookup {
 public:
  Others() {
    Add(
        RecordOf<crm::v1::Stage>("connector_id: 'hubspot' owner_id: 'acme' id: 's1' "
                                 "fields { name: 'Won' type: TYPE_WON }",
                                 "crmStage"));
    Add(
        RecordOf<generic::v1::User>("connector_id: 'hubspot' owner_id: 'acme' id: 'u1' "
                                    "fields { email: 'ines@acme.example' }",
                                    "genericUser"));
  }

  std::optional<Record> Find(const Key& key) override {
    asked.push_back(key.model + "/" + key.owner_id + "/" + key.id);
    const auto found = records_.find(key);
    return found == records_.end() ? std::nullopt : std::optional(found->second);
  }

  std::vector<std::string> asked;

 private:
  void Add(const Record& record) { records_[record.key] = record; }
  std::map<Key, Record> records_;
};

Record Deal(const std::string& fields, const std::string& owner = "acme") {
  return RecordOf<Opportunity>(
      "connector_id: 'hubspot' id: 'o1' owner_id: '" + owner + "' fields { " + fields + " }",
      "crmOpportunity");
}

bool Matches(const std::string& text, const Record& record) {
  Others others;
  return MustCompile<Opportunity>(text)->Matches(record, others);
}

TEST(FilterStep, AsksTheTarget) {
  const Record deal =
      Deal("stage { model: 'crmStage' id: 's1' } owner { model: 'genericUser' id: 'u1' }");
  EXPECT_TRUE(Matches("stage.type = won", deal));
  EXPECT_TRUE(Matches("stage.type = WON AND owner.email:acme", deal));
  EXPECT_TRUE(Matches("fields.stage.fields.type = won", deal));
  EXPECT_FALSE(Matches("stage.type != won", deal));
  EXPECT_FALSE(Matches("stage.type = lost OR owner.email = x", deal));
  EXPECT_TRUE(Matches("stage.connector_id = hubspot", deal));
}

TEST(FilterStep, WhatIsNotThereIsAbsent) {
  for (const Record& deal :
       {Deal(""), Deal("stage { model: 'crmStage' id: 'gone' }"),
        Deal("stage { model: 'crmStage' id: 's1' }", "globex"),
        Deal("stage { model: 'genericUser' id: 's1' }"), Deal("stage { model: 'crmStage' }")}) {
    EXPECT_FALSE(Matches("stage.type = won", deal));
    EXPECT_TRUE(Matches("stage.type != won", deal));
    EXPECT_FALSE(Matches("stage.type:*", deal));
    EXPECT_FALSE(Matches("stage.remote_id = \"\"", deal));
  }
}

TEST(FilterStep, LooksUpOnlyWhatTheAnswerHangsOnAndEachTargetOnce) {
  const Record deal = Deal("amount: 5 stage { model: 'crmStage' id: 's1' }");
  Others others;
  EXPECT_FALSE(MustCompile<Opportunity>("stage.type = won AND amount > 5")->Matches(deal, others));
  EXPECT_TRUE(MustCompile<Opportunity>("stage.type = won OR amount = 5")->Matches(deal, others));
  EXPECT_THAT(others.asked, IsEmpty());
  EXPECT_TRUE(
      MustCompile<Opportunity>("stage.type = won AND stage.name = Won")->Matches(deal, others));
  EXPECT_THAT(others.asked, ElementsAre("crmStage/acme/s1"));
}

}  // namespace
}  // namespace tributary::testing
