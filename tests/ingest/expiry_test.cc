#include "server/ingest/expiry.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/model/webhook_decoder.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {
namespace {

constexpr int64_t kDay = 24LL * 3600 * 1'000'000;

class ExpiryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteOptions options;
    options.path = dir_.File("t.db");
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options, clock_));
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(ModelRegistry models,
                                   ModelRegistry::Build(ResourceDescriptors()));
    models_ = std::make_unique<ModelRegistry>(std::move(models));
    expiry_ = std::make_unique<Expiry>(*models_, *store_, Commits(), clock_);
  }

  Committer& Commits() {
    if (committer_ == nullptr) {
      committer_ = std::make_unique<Committer>(*store_, [](const Committed&) {});
    }
    return *committer_;
  }

  void Put(const std::string& model, const std::string& id, const std::string& name = "") {
    const std::string body = R"({"event":")" + model + R"(::updated","data":{"model":")" + model +
                             R"(","id":")" + id + R"(","fields":{"note":")" + name + R"("}}})";
    const WebhookHeaders headers{"hubspot", "acme", "key-" + std::to_string(++posted_)};
    Delivery delivery = WebhookDecoder(*models_).Decode(headers, body, clock_.NowMicros()).delivery;
    TRIBUTARY_ASSERT_OK(store_->Commit({&delivery, 1}));
  }

  bool Has(const std::string& model, const std::string& id) {
    const auto record = store_->Get({model, "hubspot", "acme", id}, false);
    EXPECT_THAT(record, IsOk());
    return record.ok() && record->has_value() && !(*record)->deleted;
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<Expiry> expiry_;
  int posted_ = 0;
};

TEST_F(ExpiryTest, DeletesWhatIsOlderThanItsModelKeepsItAndNothingElse) {
  Put("widgetCardView", "old");
  Put("genericWorkspace", "old");
  clock_.Advance(3 * kDay);
  Put("widgetCardView", "young");
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(0));
  clock_.Advance(4 * kDay);
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(1));
  EXPECT_FALSE(Has("widgetCardView", "old"));
  EXPECT_TRUE(Has("widgetCardView", "young"));
  EXPECT_TRUE(Has("genericWorkspace", "old"));
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(0));
  clock_.Advance(3 * kDay);
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(1));
  EXPECT_FALSE(Has("widgetCardView", "young"));
}

TEST_F(ExpiryTest, CountsFromTheLastChange) {
  Put("widgetCardView", "v", "first");
  clock_.Advance(6 * kDay);
  Put("widgetCardView", "v", "second");
  clock_.Advance(6 * kDay);
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(0));
  EXPECT_TRUE(Has("widgetCardView", "v"));
  clock_.Advance(1 * kDay);
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(1));
  EXPECT_FALSE(Has("widgetCardView", "v"));
}

TEST_F(ExpiryTest, WhatIsOpenedAgainIsThereAgain) {
  Put("widgetCardView", "v", "first");
  clock_.Advance(8 * kDay);
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(1));
  Put("widgetCardView", "v", "first");
  EXPECT_TRUE(Has("widgetCardView", "v"));
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(0));
}

TEST_F(ExpiryTest, ADeletionIsToldToWhoeverFollows) {
  Put("widgetCardView", "v");
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Head before, store_->GetHead());
  clock_.Advance(8 * kDay);
  EXPECT_THAT(expiry_->RunOnce(), IsOkAndHolds(1));
  ChangeQuery query;
  query.after = before.revision;
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const ChangePage page, store_->Changes(query));
  ASSERT_EQ(page.changes.size(), 1u);
  EXPECT_EQ(page.changes[0]->kind, ChangeKind::kDeleted);
  EXPECT_EQ(page.changes[0]->key.id, "v");
}

TEST_F(ExpiryTest, GoesThroughMoreThanOnePageAndStartsOverAfterAFailure) {
  for (int i = 0; i < 600; ++i) Put("widgetCardView", std::to_string(i));
  clock_.Advance(8 * kDay);
  committer_->Shutdown();
  EXPECT_THAT(expiry_->RunOnce(), StatusIs(absl::StatusCode::kUnavailable));
  Committer again(*store_, [](const Committed&) {});
  Expiry restarted(*models_, *store_, again, clock_);
  EXPECT_THAT(restarted.RunOnce(), IsOkAndHolds(600));
}

}  // namespace
}  // namespace tributary::testing
