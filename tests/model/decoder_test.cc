// What the vectors cannot show: limits (bodies made in code), the delivery around the resource,
// options.
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/bodies.h"
#include "tributary/generic/v1/company.pb.h"

namespace tributary::testing {
namespace {

using generic::v1::Company;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Refusal = DecodedWebhook::Refusal;

constexpr DecoderOptions kReject{.validation = Validation::kReject, .keep_raw_resource = true};

TEST(Delivery, CarriesTheHeadersAndTheEventAsSent) {
  const Delivery delivery = Decode(CompanyBody("")).delivery;
  EXPECT_EQ(delivery.connector_id, "hubspot");
  EXPECT_EQ(delivery.owner_id, "acme");
  EXPECT_EQ(delivery.idempotency_key, "key-1");
  EXPECT_EQ(delivery.event, "genericCompany::updated");
  EXPECT_EQ(delivery.resource_id, "1");
  EXPECT_EQ(delivery.arrived_us, kArrivedUs);
  EXPECT_EQ(delivery.intake, Delivery::Intake::kJudge);
  EXPECT_EQ(delivery.mutations.back().key, (Key{"genericCompany", "hubspot", "acme", "1"}));
}

TEST(Delivery, KeepsTheBodyOfWhatIsInOrderOnlyForTheCaseThatItIsSuperseded) {
  const std::string body = WithFields(R"("name":"Northquay")");
  const Delivery delivery = Decode(body).delivery;
  EXPECT_EQ(delivery.body, "");
  EXPECT_EQ(delivery.body_if_superseded, body);
}

TEST(Delivery, KeepsTheBodyOfWhatWasWarnedAboutParkedOrRefused) {
  for (const std::string& body :
       {WithFields(R"("name":"")"), std::string("nonsense"), std::string(R"({"event":"a::b"})"),
        std::string(R"({"event":"customThing::created","data":{"id":"1"}})"),
        std::string(R"({"event":"crmOpportunity::updated","data":{"id":"1","fields":{"owner":)"
                    R"({"id":"2","fields":{"email":"?"}}}}})")}) {
    const Delivery delivery = Decode(body).delivery;
    EXPECT_EQ(delivery.body, body);
    EXPECT_EQ(delivery.body_if_superseded, "");
  }
}

TEST(Delivery, OfWarningsOfTheSourceKeepsNoBody) {
  const Delivery delivery =
      Decode(CompanyBody(R"("warnings":[{"code":"A","message":"b"}])")).delivery;
  EXPECT_EQ(delivery.body, "");
}

TEST(Delivery, TellsContentsApart) {
  const auto content = [](std::string body) { return Decode(std::move(body)).delivery.content; };
  const std::string body = WithFields(R"("name":"a","x":1)");
  EXPECT_EQ(content(body), content(body));
  // The canonical bytes count, not how the body was written.
  EXPECT_EQ(content(body), content(WithFields("\n \"x\" : 1.0, \"name\":\"\\u0061\"")));
  EXPECT_NE(content(body), content(WithFields(R"("name":"a","x":2)")));
  EXPECT_NE(content(body),
            content(CompanyBody(R"("updatedAt":"2025-01-01","fields":{"name":"a","x":1})")));
  EXPECT_NE(content(CompanyBody(R"("rawResource":1)")), content(CompanyBody(R"("rawResource":2)")));
  std::string other_event = body;
  other_event.replace(other_event.find("updated"), 7, "created");
  EXPECT_NE(content(body), content(other_event));
  EXPECT_NE(content("nonsense"), content("nonsense "));
}

TEST(Delivery, SaysInWordsWhatIsWrong) {
  EXPECT_EQ(
      Decode(R"({"event":"created","data":{"model":"x"}})").delivery.problem,
      "/event must be a string of the form model::trigger, is \"created\"; /data/id is required");
  EXPECT_THAT(Decode("{").delivery.problem, HasSubstr("the body must be JSON"));
  EXPECT_THAT(Decode(R"({"event":"crmLead::created","data":{"id":"1"}})").delivery.problem,
              HasSubstr("a model that this version does not know, is \"crmLead::created\""));
}

TEST(CardViews, AreAnsweredWithCardsWhateverIsWrongWithThem) {
  EXPECT_TRUE(
      Decode(R"({"event":"widgetCardView::created","data":{"id":"1"}})").answers_with_cards);
  EXPECT_TRUE(Decode(R"({"event":"widgetCardView::opened","data":{"id":"1"}})").answers_with_cards);
  EXPECT_TRUE(Decode(R"({"event":"widgetCardView::created"})").answers_with_cards);
  EXPECT_FALSE(Decode(CompanyBody("")).answers_with_cards);
}

TEST(Reject, RefusesEveryWarningOfOurs) {
  const DecodedWebhook decoded = Decode(WithFields(R"("name":"","x":9007199254740993)"), kReject);
  EXPECT_EQ(decoded.refusal, Refusal::kContent);
  EXPECT_EQ(decoded.delivery.intake, Delivery::Intake::kReject);
  EXPECT_THAT(decoded.delivery.mutations, IsEmpty());
  ASSERT_THAT(decoded.faults, SizeIs(2));
  EXPECT_EQ(decoded.faults[0].pointer, "/data/fields/name");
  EXPECT_EQ(decoded.faults[0].path, "fields.name");
  EXPECT_EQ(decoded.faults[0].code, "CONNECTOR::MAPPER::READ_VALIDATION_FAILED");
  EXPECT_EQ(decoded.faults[0].detail, "must have 1 to 250 characters");
  EXPECT_EQ(decoded.faults[0].value, "\"\"");
  EXPECT_EQ(decoded.faults[1].path, "custom_fields.x");
}

TEST(Reject, RefusesWhatIsPastALimit) {
  EXPECT_EQ(Decode(WithFields(absl::StrCat("\"x\":", Lists(17))), kReject).refusal,
            Refusal::kContent);
  EXPECT_EQ(Decode(WithFields(absl::StrCat("\"x\":", Lists(16))), kReject).refusal, Refusal::kNone);
}

TEST(Reject, LooksNeitherAtTheSourcesWarningsNorAtEmbeddedResources) {
  EXPECT_EQ(Decode(CompanyBody(R"("warnings":[{"code":"A","message":"b"}])"), kReject).refusal,
            Refusal::kNone);
  EXPECT_EQ(Decode(R"({"event":"crmOpportunity::updated","data":{"id":"1","fields":{"owner":)"
                   R"({"id":"2","fields":{"email":"?"}}}}})",
                   kReject)
                .refusal,
            Refusal::kNone);
}

// Short enough that a string keeps it inside itself: found by AddressSanitizer where views outlived
// it.
TEST(Reject, ReadsAnEventOfAFewLettersWhole) {
  const DecodedWebhook parked = Decode(R"({"event":"x::y","data":{"model":"x","id":"1"}})");
  EXPECT_EQ(parked.delivery.intake, Delivery::Intake::kPark);
  const DecodedWebhook refused = Decode(R"({"event":"x::y","data":{"model":"z","id":"1"}})");
  EXPECT_EQ(refused.refusal, DecodedWebhook::Refusal::kEnvelope);
  ASSERT_EQ(refused.faults.size(), 1u);
  EXPECT_THAT(refused.faults[0].detail, ::testing::HasSubstr("must be x,"));
}

TEST(Reject, ParksWhatItDoesNotKnow) {
  const DecodedWebhook decoded = Decode(R"({"event":"a::b","data":{"id":"1"}})", kReject);
  EXPECT_EQ(decoded.refusal, Refusal::kNone);
  EXPECT_EQ(decoded.delivery.intake, Delivery::Intake::kPark);
}

TEST(RawResource, IsDroppedWithoutAWarningIfSoConfigured) {
  const DecodedWebhook decoded =
      Decode(CompanyBody(absl::StrCat("\"rawResource\":", Lists(20))),
             {.validation = Validation::kWarn, .keep_raw_resource = false});
  EXPECT_EQ(decoded.delivery.mutations.back().raw, "");
  EXPECT_THAT(decoded.warnings, IsEmpty());
}

TEST(HugeNumbers, CannotBeSpoofedByStrings) {
  // Whatever stands for a number in the repaired text is random; a string stays a string.
  const DecodedWebhook decoded =
      Decode(WithFields(R"("a":1e400,"b":"0","c":"00000000000000000000000000000000","d":"1e400")"));
  const Company company = Own(decoded);
  EXPECT_FALSE(company.custom_fields().contains("a"));
  EXPECT_EQ(company.custom_fields().at("d").string_value(), "1e400");
}

TEST(Spaces, OfOneMebibyteAreHarmless) {
  EXPECT_EQ(Decode(std::string(1 << 20, ' ')).refusal, Refusal::kNotJson);
  EXPECT_EQ(Decode(std::string(1 << 20, ' ') + CompanyBody("")).refusal, Refusal::kNone);
}

TEST(Decoder, IsSafeToShareBetweenThreads) {
  const WebhookDecoder decoder(Registry());
  const std::string body = WithFields(R"("name":"Northquay","x":[1,2,{"a":"b"}],"y":1e400)");
  const Digest expected = decoder.Decode(Headers(), body, kArrivedUs).delivery.content;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) {
        EXPECT_EQ(decoder.Decode(Headers(), body, kArrivedUs).delivery.content, expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tributary::testing
