// What the catalog proposes and remembers, over a real store.

#include "server/fields/field_catalog.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/model/json_body.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace tributary {
namespace {

using Fields = FieldDefinition::Fields;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr FieldScope kScope{"crmOpportunity", "hubspot", "acme"};
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3600 * kSecond;

class FieldCatalogTest : public ::testing::Test {
 protected:
  FieldCatalogTest() { Open(); }

  void Open(FieldCatalogOptions options = {}) {
    catalog_.reset();
    store_.reset();
    SqliteOptions sqlite;
    sqlite.path = dir_.path() + "/test.db";
    auto store = OpenSqliteStore(sqlite, clock_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    catalog_ = std::make_unique<FieldCatalog>(models_, *store_, options);
  }

  // Commits what a resource of `scope` with the fields `json` tells of them; how many changes that
  // makes.
  size_t Send(std::string json, const FieldScope& scope = kScope) {
    return Commit(Check(std::move(json), scope).definitions);
  }

  CustomFieldRules::Findings Check(std::string json, const FieldScope& scope = kScope) {
    JsonBody body;
    EXPECT_TRUE(body.Parse(json)) << json;
    const std::vector<JsonValue::Member> members = body.root().SortedMembers();
    std::vector<SentField> sent;
    for (const auto& [key, value] : members) sent.push_back({key, &value});
    return catalog_->Check(scope, sent, clock_.NowMicros());
  }

  size_t Commit(std::vector<Mutation> definitions) {
    Delivery delivery;
    delivery.mutations = std::move(definitions);
    Mutation& own = delivery.mutations.emplace_back();
    own.key = {"crmOpportunity", "hubspot", "acme", std::to_string(++sent_)};
    own.state = "x";
    catalog_->Merge({&delivery, 1});
    auto committed = store_->Commit({&delivery, 1});
    EXPECT_TRUE(committed.ok()) << committed.status();
    catalog_->Learn(committed->changes);
    return committed->changes.size() - 1;
  }

  size_t Delete(const std::string& id) {
    Mutation mutation;
    mutation.key = KeyOf(id);
    mutation.rank = Rank::kDeleted;
    mutation.expected = store_->Get(mutation.key, false)->value().revision;
    return Commit({mutation});
  }

  Mutation Declaration(const std::string& id, FieldType type) {
    Mutation mutation = DiscoveryOf(KeyOf(id), type, clock_.NowMicros());
    FieldDefinition definition = ParseDefinition(mutation.state);
    definition.mutable_fields()->set_origin(Fields::ORIGIN_DECLARED);
    mutation.state = EncodeDefinition(definition);
    mutation.expected.reset();
    return mutation;
  }

  Key KeyOf(const std::string& id) {
    return {models_.field_definitions()->name(), "hubspot", "acme", id};
  }

  FieldDefinition Defined(const std::string& id) {
    const auto record = store_->Get(KeyOf(id), false);
    if (!record.ok() || !record->has_value() || (*record)->deleted) return {};
    return ParseDefinition((*record)->state);
  }

  testing::TempDir dir_;
  testing::FakeClock clock_;
  const ModelRegistry models_ = *ModelRegistry::Build(ResourceDescriptors());
  std::unique_ptr<Store> store_;
  std::unique_ptr<FieldCatalog> catalog_;
  std::atomic<int> sent_ = 0;
};

TEST_F(FieldCatalogTest, TheFirstValueMakesADefinition) {
  EXPECT_EQ(Send(R"({"region": "EU", "score": 7})"), 2u);
  const FieldDefinition region = Defined("crmOpportunity.region");
  EXPECT_EQ(region.fields().model(), "crmOpportunity");
  EXPECT_EQ(region.fields().key(), "region");
  EXPECT_EQ(region.fields().type(), Fields::TYPE_TEXT);
  EXPECT_EQ(region.fields().origin(), Fields::ORIGIN_DISCOVERED);
  EXPECT_THAT(region.fields().observed_types(), ElementsAre(Fields::TYPE_TEXT));
  EXPECT_TRUE(region.has_created_at());
  EXPECT_EQ(Defined("crmOpportunity.score").fields().type(), Fields::TYPE_NUMBER);
}

TEST_F(FieldCatalogTest, WhatIsKnownTellsNothing) {
  Send(R"({"region": "EU"})");
  EXPECT_THAT(Check(R"({"region": "US"})").definitions, IsEmpty());
  Open();
  EXPECT_THAT(Check(R"({"region": "US"})").definitions, IsEmpty());
}

TEST_F(FieldCatalogTest, NullAndEmptyListsDiscoverNothing) {
  EXPECT_EQ(Send(R"({"a": null, "b": [], "c": [null]})"), 0u);
}

TEST_F(FieldCatalogTest, EachModelConnectorAndOwnerHasItsOwn) {
  Send(R"({"region": "EU"})");
  EXPECT_THAT(Check(R"({"region": 1})", {"genericContact", "hubspot", "acme"}).definitions,
              SizeIs(1));
  EXPECT_THAT(Check(R"({"region": 1})", {"crmOpportunity", "attio", "acme"}).definitions,
              SizeIs(1));
  EXPECT_THAT(Check(R"({"region": 1})", {"crmOpportunity", "hubspot", "umbrella"}).definitions,
              SizeIs(1));
}

TEST_F(FieldCatalogTest, AnotherTypeIsAddedAndChangesNothingElse) {
  Send(R"({"region": "EU"})");
  EXPECT_EQ(Send(R"({"region": 5})"), 1u);
  EXPECT_EQ(Send(R"({"region": 6})"), 0u);
  EXPECT_EQ(Send(R"({"region": "EU"})"), 0u);
  const FieldDefinition region = Defined("crmOpportunity.region");
  EXPECT_EQ(region.fields().type(), Fields::TYPE_TEXT);
  EXPECT_THAT(region.fields().observed_types(),
              ElementsAre(Fields::TYPE_TEXT, Fields::TYPE_NUMBER));
}

TEST_F(FieldCatalogTest, OfManyThatMeetAKeyAtOnceOneMakesItsDefinition) {
  // All are checked before any is committed.
  std::vector<CustomFieldRules::Findings> findings(8);
  std::vector<std::thread> threads;
  for (auto& found : findings) {
    threads.emplace_back([&] { found = Check(R"({"region": "EU", "score": 1})"); });
  }
  for (std::thread& thread : threads) thread.join();
  size_t made = 0;
  for (auto& found : findings) {
    EXPECT_THAT(found.definitions, SizeIs(2));
    made += Commit(std::move(found.definitions));
  }
  EXPECT_EQ(made, 2u);
}

TEST_F(FieldCatalogTest, TypesThatComeAtOnceAreAllObserved) {
  // All are checked before any is committed: the first three in one batch, the others after it.
  std::vector<CustomFieldRules::Findings> found;
  for (const char* json : {R"({"region": "EU"})", R"({"region": 5})", R"({"region": true})",
                           R"({"region": 7})", R"({"region": ["a"]})"}) {
    found.push_back(Check(json));
  }
  std::vector<Delivery> batch(3);
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i].mutations = found[i].definitions;
    batch[i].mutations.emplace_back().key = {"crmOpportunity", "hubspot", "acme",
                                             std::to_string(i)};
  }
  catalog_->Merge(batch);
  const auto committed = store_->Commit(batch);
  TRIBUTARY_ASSERT_OK(committed);
  EXPECT_THAT(committed->changes, SizeIs(1 + 3)) << "one definition, three resources";
  catalog_->Learn(committed->changes);
  EXPECT_EQ(Commit(found[3].definitions), 0u) << "seen by then";
  EXPECT_EQ(Commit(found[4].definitions), 1u);
  const FieldDefinition region = Defined("crmOpportunity.region");
  EXPECT_EQ(region.fields().type(), Fields::TYPE_TEXT);
  EXPECT_THAT(region.fields().observed_types(),
              ElementsAre(Fields::TYPE_TEXT, Fields::TYPE_NUMBER, Fields::TYPE_BOOLEAN,
                          Fields::TYPE_LIST_TEXT));
}

TEST_F(FieldCatalogTest, OneThatWasNotCommittedIsProposedAgain) {
  EXPECT_THAT(Check(R"({"region": "EU"})").definitions, SizeIs(1));
  EXPECT_EQ(Send(R"({"region": "EU"})"), 1u);
}

TEST_F(FieldCatalogTest, ADeletedOneStaysDeleted) {
  Send(R"({"region": "EU"})");
  Delete("crmOpportunity.region");
  EXPECT_EQ(Send(R"({"region": "US"})"), 0u);
  Open();
  EXPECT_EQ(Send(R"({"region": "US"})"), 0u);
  EXPECT_THAT(Check(R"({"region": "US"})").definitions, IsEmpty()) << "it is remembered";
  clock_.Advance(2 * kHour);
  EXPECT_EQ(Send(R"({"region": "US"})"), 0u) << "its tombstone is still there";
}

TEST_F(FieldCatalogTest, ADeclaredTypeIsCheckedAndADiscoveredOneIsNot) {
  Send(R"({"region": "EU", "score": 7})");
  Commit({Declaration("crmOpportunity.score", Fields::TYPE_NUMBER)});
  const auto found = Check(R"({"region": 5, "score": "high"})");
  ASSERT_THAT(found.contradictions, SizeIs(1));
  EXPECT_EQ(found.contradictions[0].index, 1u);
  EXPECT_EQ(found.contradictions[0].rule, "is defined as a number");
  Open();
  EXPECT_THAT(Check(R"({"region": 5, "score": "high"})").contradictions, SizeIs(1));
}

TEST_F(FieldCatalogTest, OptionsOfADeclaredSelectAreCheckedAsTheyAreNow) {
  const auto declare = [&](const std::vector<std::string>& options) {
    Mutation mutation = Declaration("crmOpportunity.mood", Fields::TYPE_SELECT);
    FieldDefinition definition = ParseDefinition(mutation.state);
    for (const std::string& option : options) {
      definition.mutable_fields()->add_options()->set_value(option);
    }
    mutation.state = EncodeDefinition(definition);
    Commit({mutation});
  };
  Send(R"({"mood": "warm"})");
  declare({"hot", "cold"});
  EXPECT_THAT(Check(R"({"mood": "hot"})").contradictions, IsEmpty());
  const auto found = Check(R"({"mood": "warm"})");
  ASSERT_THAT(found.contradictions, SizeIs(1));
  EXPECT_EQ(found.contradictions[0].rule, "is none of the options of its definition");
  Open();
  EXPECT_THAT(Check(R"({"mood": "warm"})").contradictions, SizeIs(1));
  declare({"hot", "cold", "warm"});
  EXPECT_THAT(Check(R"({"mood": "warm"})").contradictions, IsEmpty());
}

TEST_F(FieldCatalogTest, OptionsCountAmongWhatIsRemembered) {
  Mutation mutation = Declaration("crmOpportunity.mood", Fields::TYPE_SELECT);
  FieldDefinition definition = ParseDefinition(mutation.state);
  for (int i = 0; i < 20; ++i) {
    definition.mutable_fields()->add_options()->set_value(std::to_string(i));
  }
  mutation.state = EncodeDefinition(definition);
  Commit({mutation});
  Open({.cached_max = 10});
  EXPECT_THAT(Check(R"({"mood": "20"})").contradictions, SizeIs(1));
  // What it is not told of it learns when it reads again: after another scope has driven it out.
  Delivery untold;
  definition.mutable_fields()->add_options()->set_value("20");
  mutation.state = EncodeDefinition(definition);
  untold.mutations = {mutation};
  TRIBUTARY_ASSERT_OK(store_->Commit({&untold, 1}));
  EXPECT_THAT(Check(R"({"mood": "20"})").contradictions, SizeIs(1));
  Check(R"({"region": "EU"})", {"crmOpportunity", "hubspot", "globex"});
  EXPECT_THAT(Check(R"({"mood": "20"})").contradictions, IsEmpty());
}

TEST_F(FieldCatalogTest, NoMoreThanTheLimitAreDiscoveredAndTheRestIsCounted) {
  Open({.discovered_max = 3});
  EXPECT_EQ(Send(R"({"a": 1, "b": 1})"), 2u);
  EXPECT_EQ(Send(R"({"c": 1, "d": 1})"), 1u);
  EXPECT_EQ(catalog_->undefined().value(), 1u);
  Open({.discovered_max = 3});
  EXPECT_EQ(Send(R"({"d": 1})"), 0u);
  EXPECT_EQ(catalog_->undefined().value(), 1u);
  // One that is declared, or deleted, leaves its place to another.
  Commit({Declaration("crmOpportunity.a", Fields::TYPE_TEXT)});
  EXPECT_EQ(Send(R"({"d": 1})"), 1u);
  Delete("crmOpportunity.b");
  EXPECT_EQ(Send(R"({"e": 1})"), 1u);
  EXPECT_EQ(Send(R"({"f": 1})"), 0u);
}

TEST_F(FieldCatalogTest, WhatIsOnItsWayCountsUntilItIsLost) {
  Open({.discovered_max = 2});
  Check(R"({"a": 1, "b": 1})");
  EXPECT_EQ(Send(R"({"c": 1})"), 0u);
  clock_.Advance(61 * kSecond);
  EXPECT_EQ(Send(R"({"c": 1})"), 1u);
}

TEST_F(FieldCatalogTest, AKeyThatCannotStandInAnIdIsNotDefined) {
  EXPECT_EQ(Send(R"({"": 1, "a\nb": 1})"), 0u);
  EXPECT_EQ(catalog_->undefined().value(), 2u);
  EXPECT_EQ(Send(R"({"a.b": 1, "odd key": 1})"), 2u);
  EXPECT_EQ(Defined("crmOpportunity.a.b").fields().key(), "a.b");
}

TEST_F(FieldCatalogTest, WhatIsForgottenIsReadAgain) {
  Open({.cached_max = 4});
  for (const std::string owner : {"a", "b", "c", "d"}) {
    Send(R"({"region": "EU", "score": 7})", {"crmOpportunity", "hubspot", owner});
  }
  for (const std::string owner : {"a", "b", "c", "d"}) {
    EXPECT_THAT(Check(R"({"region": "EU"})", {"crmOpportunity", "hubspot", owner}).definitions,
                IsEmpty())
        << owner;
  }
}

TEST_F(FieldCatalogTest, MoreThanAPageOfDefinitionsIsKnownAfterARestart) {
  Open({.discovered_max = 2500});
  std::string json = "{";
  for (int i = 0; i < 2100; ++i) {
    json += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\": 1";
  }
  json += "}";
  EXPECT_EQ(Send(json), 2100u);
  Send(R"({"zz": 1})", {"genericContact", "hubspot", "acme"});
  Open({.discovered_max = 2500});
  EXPECT_THAT(Check(json).definitions, IsEmpty());
}

}  // namespace
}  // namespace tributary
