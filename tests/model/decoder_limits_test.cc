// Every limit of what is stored, at it and one past it.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "tests/model/bodies.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/generic/v1/company.pb.h"
#include "tributary/scheduling/v1/scheduled_event.pb.h"

namespace tributary::testing {
namespace {

using generic::v1::Company;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Refusal = DecodedWebhook::Refusal;

TEST(Limits, AcceptIdsOfUpTo512Bytes) {
  const auto refusal = [](std::string_view id) {
    return Decode(absl::StrCat(R"({"event":"genericCompany::updated","data":{"id":")", Absl(id),
                               "\"}}"))
        .refusal;
  };
  EXPECT_EQ(refusal(std::string(512, 'x')), Refusal::kNone);
  EXPECT_EQ(refusal(std::string(513, 'x')), Refusal::kEnvelope);
  EXPECT_EQ(refusal(Repeated("é", 256)), Refusal::kNone);
  EXPECT_EQ(refusal(Repeated("é", 256) + "x"), Refusal::kEnvelope);
}

TEST(Limits, RefuseAnEventOfMoreThan512Bytes) {
  const std::string event = std::string(510, 'x') + "::y";
  const DecodedWebhook decoded =
      Decode(absl::StrCat("{\"event\":\"", event, R"(","data":{"id":"1"}})"));
  EXPECT_EQ(decoded.refusal, Refusal::kEnvelope);
  EXPECT_THAT(decoded.delivery.event, SizeIs(512));
}

TEST(Limits, LeaveOutValuesThatNestDeeperThan16Levels) {
  for (const auto nested : {Lists, Objects}) {
    const Company at_limit = Own(Decode(WithFields(absl::StrCat("\"x\":", nested(16)))));
    EXPECT_TRUE(at_limit.custom_fields().contains("x"));
    EXPECT_THAT(at_limit.warnings(), IsEmpty());
    const Company beyond = Own(Decode(WithFields(absl::StrCat("\"x\":", nested(17), ",\"y\":1"))));
    EXPECT_FALSE(beyond.custom_fields().contains("x"));
    EXPECT_TRUE(beyond.custom_fields().contains("y"));
    EXPECT_THAT(WarnedFields(beyond), ElementsAre("custom_fields.x"));
  }
}

TEST(Limits, LeaveOutRawResourcesThatNestDeeperThan16Levels) {
  EXPECT_NE(Decode(CompanyBody("\"rawResource\":" + Objects(16))).delivery.mutations.back().raw,
            "");
  const DecodedWebhook beyond = Decode(CompanyBody("\"rawResource\":" + Objects(17)));
  EXPECT_EQ(beyond.delivery.mutations.back().raw, "");
  EXPECT_THAT(WarnedFields(Own(beyond)), ElementsAre("raw_resource"));
}

TEST(Limits, LeaveOutAnswersThatNestDeeperThan16Levels) {
  const auto decoded = Decode(absl::StrCat(
      R"({"event":"schedulingEvent::updated","data":{"id":"1","fields":{"startTime":"2025-01-01",)"
      R"("externalAttendees":[],"answers":{"a":)",
      Lists(16), ",\"b/+=\":", Lists(17), "}}}}"));
  const auto event = Own<scheduling::v1::ScheduledEvent>(decoded);
  EXPECT_THAT(event.fields().answers(), SizeIs(1));
  ASSERT_THAT(decoded.warnings, SizeIs(1));
  EXPECT_EQ(decoded.warnings[0].path, "fields.answers.`b/+=`");
  EXPECT_EQ(decoded.warnings[0].pointer, "/data/fields/answers/b~1+=");
}

TEST(Limits, RefuseBodiesThatNestDeeperThan1024Levels) {
  EXPECT_EQ(Decode(CompanyBody("\"rawResource\":" + Lists(1000))).refusal, Refusal::kNone);
  EXPECT_EQ(Decode(CompanyBody("\"rawResource\":" + Lists(2000))).refusal, Refusal::kNotJson);
  EXPECT_EQ(Decode(std::string(1 << 20, '[')).refusal, Refusal::kNotJson);
  EXPECT_EQ(Decode(Repeated("{\"a\":", 200000)).refusal, Refusal::kNotJson);
}

TEST(Limits, KeepTheFirst1000CustomFields) {
  const auto fields = [](int count) {
    std::string out;
    for (int i = 0; i < count; ++i) absl::StrAppend(&out, i == 0 ? "" : ",", "\"k", i, "\":", i);
    return out;
  };
  const Company at_limit = Own(Decode(WithFields(fields(1000))));
  EXPECT_THAT(at_limit.custom_fields(), SizeIs(1000));
  EXPECT_THAT(at_limit.warnings(), IsEmpty());
  const Company beyond = Own(Decode(WithFields(fields(1003))));
  EXPECT_THAT(beyond.custom_fields(), SizeIs(1000));
  EXPECT_FALSE(beyond.custom_fields().contains("k1000"));
  ASSERT_THAT(beyond.warnings(), SizeIs(1));
  EXPECT_EQ(beyond.warnings(0).message(),
            "must not have more than 1000 custom fields; 3 of them left out");
  // Keys that come again count once.
  EXPECT_THAT(Own(Decode(WithFields(fields(1000) + "," + fields(1000)))).warnings(), IsEmpty());
}

TEST(Limits, KeepCustomKeysOfUpTo256Bytes) {
  const std::string at_limit(256, 'k');
  const Company company = Own(Decode(WithFields(
      absl::StrCat("\"", at_limit, "\":1,\"", at_limit, "k\":2,\"", Repeated("é", 128), "\":3"))));
  EXPECT_THAT(company.custom_fields(), SizeIs(2));
  ASSERT_THAT(company.warnings(), SizeIs(1));
  EXPECT_EQ(company.warnings(0).value(), at_limit);
}

TEST(Limits, KeepARawResourceOfUpToOneMebibyte) {
  // A Value that holds a string of n bytes takes n + 4 at this size.
  const auto raw_of = [](size_t bytes) {
    return CompanyBody("\"rawResource\":" + Quoted(bytes - 4));
  };
  EXPECT_THAT(Decode(raw_of(limits::kRawBytesMax)).delivery.mutations.back().raw,
              SizeIs(limits::kRawBytesMax));
  const DecodedWebhook beyond = Decode(raw_of(limits::kRawBytesMax + 1));
  EXPECT_EQ(beyond.delivery.mutations.back().raw, "");
  EXPECT_THAT(WarnedFields(Own(beyond)), ElementsAre("raw_resource"));
}

TEST(Limits, CountTheEncodedSizeOfARawResource) {
  // 500 KB of JSON that would take 2.6 MB as a Value.
  const std::string zeros = "[0" + Repeated(",0", 250000) + "]";
  const DecodedWebhook decoded = Decode(CompanyBody("\"rawResource\":" + zeros));
  EXPECT_EQ(decoded.delivery.mutations.back().raw, "");
  EXPECT_THAT(WarnedFields(Own(decoded)), ElementsAre("raw_resource"));
}

TEST(Limits, KeepResourceAndRawTogetherWithinOneAndAQuarterMebibytes) {
  for (const size_t raw : {size_t{300'000}, size_t{350'000}}) {
    const DecodedWebhook decoded = Decode(CompanyBody(
        absl::StrCat("\"fields\":{\"x\":", Quoted(1'000'000), "},\"rawResource\":", Quoted(raw))));
    const Mutation& mutation = decoded.delivery.mutations.back();
    const bool fits = raw == 300'000;
    EXPECT_EQ(!mutation.raw.empty(), fits);
    EXPECT_LE(mutation.state.size() + mutation.raw.size(), limits::kResourceAndRawBytesMax);
    EXPECT_TRUE(Own(decoded).custom_fields().contains("x"));
    EXPECT_EQ(decoded.warnings.size(), fits ? 0u : 1u);
  }
}

TEST(Limits, LeaveOutTheLargestCustomFieldsOfAResourceThatIsTooLarge) {
  const DecodedWebhook decoded =
      Decode(WithFields(absl::StrCat("\"small\":1,\"a\":", Quoted(400'000),
                                     ",\"b\":", Quoted(600'000), ",\"c\":", Quoted(500'000))));
  const Company company = Own(decoded);
  EXPECT_TRUE(company.custom_fields().contains("small"));
  EXPECT_TRUE(company.custom_fields().contains("a"));
  EXPECT_FALSE(company.custom_fields().contains("b"));
  EXPECT_TRUE(company.custom_fields().contains("c"));
  EXPECT_THAT(WarnedFields(company), ElementsAre("custom_fields.b"));
  EXPECT_LE(decoded.delivery.mutations.back().state.size(), limits::kResourceBytesMax);
}

TEST(Limits, HoldAtTheVeryByte) {
  const auto decode = [](size_t bytes) { return Decode(WithFields("\"x\":" + Quoted(bytes))); };
  const size_t frame = decode(1'000'000).delivery.mutations.back().state.size() - 1'000'000;
  const size_t largest = limits::kResourceBytesMax - frame;
  const DecodedWebhook at_limit = decode(largest);
  EXPECT_THAT(at_limit.delivery.mutations.back().state, SizeIs(limits::kResourceBytesMax));
  EXPECT_THAT(at_limit.warnings, IsEmpty());
  EXPECT_THAT(decode(largest + 1).warnings, SizeIs(1));
}

TEST(Limits, RefuseAResourceThatIsTooLargeWithoutItsCustomFields) {
  const DecodedWebhook decoded =
      Decode(WithFields("\"x\":1,\"name\":" + Quoted(limits::kResourceBytesMax)));
  EXPECT_EQ(decoded.refusal, Refusal::kTooLarge);
  EXPECT_EQ(decoded.delivery.intake, Delivery::Intake::kReject);
  EXPECT_THAT(decoded.delivery.mutations, IsEmpty());
  ASSERT_THAT(decoded.faults, SizeIs(1));
  EXPECT_EQ(decoded.faults[0].pointer, "/data");
}

TEST(Limits, KeepTheReferenceAloneToAnEmbeddedResourceThatIsTooLarge) {
  const DecodedWebhook decoded = Decode(absl::StrCat(
      R"({"event":"crmOpportunity::updated","data":{"id":"1","fields":{"owner":{"id":"2","fields":{"firstName":)",
      Quoted(limits::kResourceBytesMax), "}}}}}"));
  EXPECT_THAT(decoded.delivery.mutations, SizeIs(1));
  EXPECT_EQ(Own<crm::v1::Opportunity>(decoded).fields().owner().id(), "2");
  ASSERT_THAT(decoded.warnings, SizeIs(1));
  EXPECT_EQ(decoded.warnings[0].path, "fields.owner");
}

TEST(Limits, Embed100ResourcesPerDelivery) {
  const auto decode = [](int count) {
    std::string contacts;
    for (int i = 0; i < count; ++i) {
      absl::StrAppend(&contacts, i == 0 ? "" : ",", "{\"id\":\"", i, "\",\"fields\":{}}");
    }
    return Decode(absl::StrCat(
        R"({"event":"crmOpportunity::updated","data":{"id":"1","fields":{"contacts":[)", contacts,
        "]}}}"));
  };
  EXPECT_THAT(decode(100).delivery.mutations, SizeIs(101));
  EXPECT_THAT(decode(100).warnings, IsEmpty());
  const DecodedWebhook beyond = decode(101);
  EXPECT_THAT(beyond.delivery.mutations, SizeIs(101));
  EXPECT_THAT(Own<crm::v1::Opportunity>(beyond).fields().contacts(), SizeIs(101));
  ASSERT_THAT(beyond.warnings, SizeIs(1));
  EXPECT_EQ(beyond.warnings[0].path, "fields.contacts[100]");
}

TEST(Limits, KeepAtMost32WarningsOfWhichTheLastSaysHowManyMore) {
  const auto decode = [](int ours, int from_source) {
    std::string fields;
    for (int i = 0; i < ours; ++i)
      absl::StrAppend(&fields, i == 0 ? "" : ",", "\"k", i, "\":9007199254740993");
    std::string warnings;
    for (int i = 0; i < from_source; ++i) {
      absl::StrAppend(&warnings, i == 0 ? "" : ",", "{\"code\":\"c", i, "\"}");
    }
    return Decode(
        CompanyBody(absl::StrCat("\"fields\":{", fields, "},\"warnings\":[", warnings, "]")));
  };
  EXPECT_THAT(Own(decode(32, 0)).warnings(), SizeIs(32));
  EXPECT_EQ(Own(decode(32, 0)).warnings(31).value(), "9007199254740993");
  const Company company = Own(decode(20, 30));
  ASSERT_THAT(company.warnings(), SizeIs(32));
  EXPECT_EQ(company.warnings(0).code(), "c0");
  EXPECT_EQ(company.warnings(11).origin(), v1::Warning::ORIGIN_TRIBUTARY);  // all of ours are there
  EXPECT_EQ(company.warnings(31).message(), "and 19 more warnings");
  EXPECT_THAT(decode(100, 0).warnings, SizeIs(32));
  EXPECT_EQ(Own(decode(100, 100)).warnings(31).message(), "and 169 more warnings");
}

TEST(Limits, ClipTheValueOfAWarningTo256BytesOfUtf8) {
  const Company company = Own(Decode(WithFields("\"name\":\"" + Repeated("é", 300) + "\"")));
  ASSERT_THAT(company.warnings(), SizeIs(1));
  EXPECT_LE(company.warnings(0).value().size(), 256u);
  EXPECT_GE(company.warnings(0).value().size(), 254u);
  EXPECT_TRUE(IsUtf8(company.warnings(0).value()));
}

}  // namespace
}  // namespace tributary::testing
