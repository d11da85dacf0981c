// A resource that was stored becomes the webhook that brings it again: the same bytes, whatever the
// body it first came from.
#include "server/model/source_text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/damage.h"
#include "tests/model/decoding.h"
#include "tributary/crm/v1/engagement.pb.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/scheduling/v1/scheduled_event.pb.h"

namespace tributary::testing {
namespace {

using crm::v1::Opportunity;
using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(const google::protobuf::Message& resource,
                   std::string_view trigger = "updated") {
  const auto& models = Registry().models();
  const auto model = std::find_if(models.begin(), models.end(), [&](const auto& each) {
    return each->message() == resource.GetDescriptor();
  });
  return WebhookText(**model, resource, trigger);
}

// What is stored of a resource that is sent as it was stored.
void ExpectToComeBack(const Mutation& stored) {
  if (stored.IsDelete()) return;
  const std::string text = TextOf(*ParseResource(stored));
  SCOPED_TRACE(text);
  const DecodedWebhook again = Decode(text);
  ASSERT_EQ(again.delivery.mutations.size(), 1u) << again.delivery.problem;
  const Mutation& own = again.delivery.mutations.back();
  EXPECT_EQ(own.key, stored.key);
  EXPECT_EQ(own.time_us, stored.time_us);
  EXPECT_TRUE(own.raw == stored.raw);
  EXPECT_TRUE(own.state == stored.state) << ParseResource(own)->DebugString() << "and not\n"
                                         << ParseResource(stored)->DebugString();
}

TEST(SourceText, OfEachVectorBringsTheSameBytes) {
  size_t compared = 0;
  for (const std::string& body : Corpus()) {
    for (const Mutation& mutation : Decode(body).delivery.mutations) {
      ExpectToComeBack(mutation);
      ++compared;
    }
  }
  EXPECT_GT(compared, 50u);
}

TEST(SourceText, OfDamagedBodiesBringsTheSameBytes) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(::testing::Message() << "TRIBUTARY_SEED=" << seed);
  Damage damage(seed);
  size_t compared = 0;
  for (int round = 0; round < 20'000 && !::testing::Test::HasFailure(); ++round) {
    const std::string body = damage.Next();
    SCOPED_TRACE(body);
    for (const Mutation& mutation : Decode(body).delivery.mutations) {
      ExpectToComeBack(mutation);
      ++compared;
    }
  }
  EXPECT_GT(compared, 2'000u) << "the damage is so great that it tests little";
}

TEST(SourceText, HasTheTriggerAndNothingThatTheStoreGives) {
  Opportunity deal;
  deal.set_connector_id("hubspot");
  deal.set_owner_id("acme");
  deal.set_id("311");
  deal.set_revision(12);
  deal.mutable_fields()->mutable_stage()->set_id("s1");
  deal.mutable_fields()->mutable_stage()->set_model("crmStage");
  deal.mutable_fields()->mutable_stage()->mutable_resource()->set_value("expanded");
  EXPECT_EQ(
      TextOf(deal, "deleted"),
      R"({"event":"crmOpportunity::deleted","data":{"id":"311","fields":{"stage":{"id":"s1"}}}})");
}

TEST(SourceText, NumbersComeBackAsTheyAre) {
  for (const double amount : {0.0, -0.0, 0.1, -1.5, 18499.9, 9007199254740992.0, 9007199254740994.0,
                              12345678901234567168.0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308}) {
    Opportunity deal;
    deal.set_id("1");
    deal.mutable_fields()->set_amount(amount);
    (*deal.mutable_custom_fields())["custom"].set_number_value(amount);
    deal.mutable_raw_resource()->set_number_value(amount);
    const Mutation own = Decode(TextOf(deal)).delivery.mutations.back();
    const auto back = ParseState<Opportunity>(own);
    for (const double value :
         {back.fields().amount(), back.custom_fields().at("custom").number_value()}) {
      EXPECT_EQ(value, amount);
      EXPECT_EQ(std::signbit(value), std::signbit(amount));
    }
  }
}

TEST(SourceText, WhatIsNoNumberIsRefusedByTheDecoderAndNotLostInSilence) {
  Opportunity deal;
  deal.set_id("1");
  deal.mutable_fields()->set_amount(std::numeric_limits<double>::quiet_NaN());
  const DecodedWebhook decoded = Decode(TextOf(deal));
  ASSERT_EQ(decoded.warnings.size(), 1u);
  EXPECT_EQ(decoded.warnings[0].path, "fields.amount");
  EXPECT_THAT(decoded.warnings[0].value, HasSubstr("NaN"));
}

TEST(SourceText, ATimeThatIsNoneIsRefusedByTheDecoder) {
  Opportunity deal;
  deal.set_id("1");
  deal.mutable_updated_at()->set_seconds(1'000'000'000'000);
  const DecodedWebhook decoded = Decode(TextOf(deal));
  ASSERT_EQ(decoded.warnings.size(), 1u);
  EXPECT_EQ(decoded.warnings[0].path, "updated_at");
  EXPECT_FALSE(decoded.delivery.mutations.back().time_us.has_value());
}

TEST(SourceText, AnEnumValueOfANewerVersionIsToldOf) {
  crm::v1::Engagement engagement;
  engagement.set_id("1");
  engagement.mutable_fields()->set_status(static_cast<crm::v1::Engagement::Fields::Status>(99));
  const std::vector<Fault> warnings = Decode(TextOf(engagement)).warnings;
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const Fault& warning) {
    return warning.path == "fields.status" && warning.value == "\"99\"";
  }));
}

TEST(SourceText, AFieldOfTheModelTakesInWhatWasACustomFieldBefore) {
  Opportunity deal;
  deal.set_id("1");
  (*deal.mutable_custom_fields())["currency"].set_string_value("EUR");
  (*deal.mutable_custom_fields())["name"].set_string_value("old");
  deal.mutable_fields()->set_name("new");
  const auto back = ParseState<Opportunity>(Decode(TextOf(deal)).delivery.mutations.back());
  EXPECT_EQ(back.fields().currency(), "EUR");
  EXPECT_EQ(back.fields().name(), "new");
  EXPECT_TRUE(back.custom_fields().empty());
}

TEST(SourceText, EqualMessagesMakeEqualTexts) {
  Opportunity one;
  Opportunity other;
  for (int i = 0; i < 100; ++i) {
    const auto put = [](Opportunity& deal, int key) {
      (*deal.mutable_custom_fields())["k" + std::to_string(key)].set_number_value(key);
      (*deal.mutable_raw_resource()->mutable_struct_value()->mutable_fields())["r" +
                                                                               std::to_string(key)]
          .set_bool_value(true);
    };
    put(one, i);
    put(other, 99 - i);
  }
  EXPECT_EQ(TextOf(one), TextOf(other));
}

TEST(SentWarnings, OfAResourceThatWasReadBeforeStandAsTheyAre) {
  const auto deal = ParseState<Opportunity>(
      Decode(R"({"event":"crmOpportunity::updated","data":{"id":"1","fields":{"amount":-1,
                 "currency":"EURO"},"warnings":[{"code":"C","message":"theirs"},
                 {"code":"T","message":"then","field":"fields.stage","value":"x",
                  "origin":"ORIGIN_TRIBUTARY"}]}})")
          .delivery.mutations.back());
  ASSERT_EQ(deal.warnings_size(), 2);
  EXPECT_EQ(deal.warnings(0).origin(), v1::Warning::ORIGIN_SOURCE);
  EXPECT_EQ(deal.warnings(1).origin(), v1::Warning::ORIGIN_TRIBUTARY);
  EXPECT_EQ(deal.warnings(1).field(), "fields.stage");
}

TEST(SentWarnings, DoNotHideFromTheSenderWhatIsFoundNow) {
  const std::string body =
      R"({"event":"crmOpportunity::updated","data":{"id":"1","fields":{"amount":-1},
          "warnings":[{"code":"T","message":"then","origin":"ORIGIN_TRIBUTARY"}]}})";
  EXPECT_EQ(Decode(body).warnings.size(), 1u);
  EXPECT_EQ(Decode(body).delivery.warnings, 1);
  EXPECT_EQ(Decode(body, {.validation = Validation::kReject}).refusal,
            DecodedWebhook::Refusal::kContent);
}

}  // namespace
}  // namespace tributary::testing
