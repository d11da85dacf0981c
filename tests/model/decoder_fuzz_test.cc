// Random damage to the bodies of proto/vectors: whatever the bytes, a delivery comes out that can
// be stored and served. A failure prints its seed; TRIBUTARY_SEED repeats it.
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/model/json_syntax.h"
#include "tests/model/damage.h"
#include "tests/model/decoding.h"

namespace tributary::testing {
namespace {

void ExpectServable(const Mutation& mutation) {
  EXPECT_TRUE(IsCleanUtf8(mutation.key.id));
  EXPECT_FALSE(mutation.key.id.empty());
  EXPECT_LE(mutation.key.id.size(), limits::kNameBytesMax);
  EXPECT_LE(mutation.state.size(), limits::kResourceBytesMax);
  EXPECT_LE(mutation.state.size() + mutation.raw.size(), limits::kResourceAndRawBytesMax);
  if (mutation.IsDelete()) {
    EXPECT_TRUE(mutation.state.empty() && mutation.raw.empty());
    return;
  }
  Mutation without_raw = mutation;
  without_raw.raw.clear();
  EXPECT_TRUE(Deterministic(*ParseResource(without_raw)) == mutation.state);
  ParseResource(mutation);
}

void ExpectConsistent(const DecodedWebhook& decoded, const std::string& body) {
  const Delivery& delivery = decoded.delivery;
  const bool judged = delivery.intake == Delivery::Intake::kJudge;
  EXPECT_EQ(judged, !delivery.mutations.empty());
  EXPECT_EQ(judged, decoded.faults.empty());
  EXPECT_TRUE(judged || !delivery.problem.empty());
  EXPECT_EQ(delivery.intake == Delivery::Intake::kReject,
            decoded.refusal != DecodedWebhook::Refusal::kNone);
  EXPECT_TRUE((delivery.body == body && delivery.body_if_superseded.empty()) ||
              (delivery.body_if_superseded == body && delivery.body.empty()));
  EXPECT_LE(delivery.mutations.size(), limits::kEmbeddedMax + 1);
  for (const Fault& fault : decoded.faults)
    EXPECT_TRUE(IsUtf8(fault.value) && IsUtf8(fault.pointer));
  for (const Mutation& mutation : delivery.mutations) ExpectServable(mutation);
}

// A second opinion on what is JSON, from code that shares nothing with the parser.
void ExpectNotJsonIfItIsNot(const DecodedWebhook& decoded, std::string_view body) {
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  EXPECT_EQ(decoded.refusal == DecodedWebhook::Refusal::kNotJson,
            FirstSyntaxError(body).has_value());
}

TEST(DamagedBodies, AlwaysGiveADeliveryThatCanBeStoredAndServed) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(::testing::Message() << "TRIBUTARY_SEED=" << seed);
  Damage damage(seed);
  size_t judged = 0;
  constexpr int kRounds = 100'000;
  for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
    const std::string body = damage.Next();
    SCOPED_TRACE(body);
    const DecoderOptions options{
        .validation = round % 5 == 0 ? Validation::kReject : Validation::kWarn,
        .keep_raw_resource = true};
    const DecodedWebhook decoded = Decode(body, options);
    ExpectConsistent(decoded, body);
    ExpectNotJsonIfItIsNot(decoded, body);
    // The same bytes mean the same, whatever nonce stood in for a number.
    EXPECT_EQ(decoded.delivery.content, Decode(body, options).delivery.content);
    judged += decoded.delivery.intake == Delivery::Intake::kJudge ? 1 : 0;
  }
  EXPECT_GT(judged, size_t{kRounds / 10}) << "the damage is so great that it tests little";
}

}  // namespace
}  // namespace tributary::testing
