#include "server/model/time_text.h"

#include <random>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

void ExpectReads(std::string_view text, int64_t seconds, int32_t nanos = 0) {
  const std::optional<Instant> instant = ParseInstant(text);
  ASSERT_TRUE(instant.has_value()) << text;
  EXPECT_EQ(instant->seconds, seconds) << text;
  EXPECT_EQ(instant->nanos, nanos) << text;
}

TEST(ParseInstant, ReadsTheFormsThatConnectorsSend) {
  ExpectReads("2025-03-06T09:05:04.588Z", 1741251904, 588'000'000);
  ExpectReads("2025-03-06T09:05:04Z", 1741251904);
  ExpectReads("2025-03-06t09:05:04z", 1741251904);
  ExpectReads("2025-03-06 09:05:04", 1741251904);
  ExpectReads("2025-03-06T09:05:04", 1741251904);
  ExpectReads("2025-03-06T09:05", 1741251900);
  ExpectReads("2025-03-06", 1741219200);
  ExpectReads("2025-03-06T10:05:04+01:00", 1741251904);
  ExpectReads("2025-03-06T10:05:04+0100", 1741251904);
  ExpectReads("2025-03-06T10:05:04+01", 1741251904);
  ExpectReads("2025-03-06T03:35:04.5-05:30", 1741251904, 500'000'000);
  ExpectReads("2024-02-29T00:00:00Z", 1709164800);
}

TEST(ParseInstant, CountsNineDigitsOfAFraction) {
  ExpectReads("1970-01-01T00:00:00.123456789Z", 0, 123'456'789);
  ExpectReads("1970-01-01T00:00:00.1234567899999Z", 0, 123'456'789);
  ExpectReads("1969-12-31T23:59:59.9Z", -1, 900'000'000);
}

TEST(ParseInstant, KeepsToTheYears1To9999) {
  ExpectReads("0001-01-01T00:00:00Z", -62'135'596'800);
  ExpectReads("9999-12-31T23:59:59.999999999Z", 253'402'300'799, 999'999'999);
  EXPECT_FALSE(ParseInstant("0001-01-01T00:00:00+00:01").has_value());
  EXPECT_FALSE(ParseInstant("9999-12-31T23:59:59-00:01").has_value());
  EXPECT_FALSE(ParseInstant("0000-12-31T00:00:00Z").has_value());
  EXPECT_FALSE(ParseInstant("10000-01-01T00:00:00Z").has_value());
}

TEST(ParseInstant, RefusesEverythingElse) {
  for (const std::string_view text : {"",
                                      "now",
                                      "2025",
                                      "2025-03",
                                      "2025-3-6",
                                      "2025-02-29",
                                      "2025-04-31",
                                      "2025-13-01",
                                      "2025-00-01",
                                      "2025-03-06T",
                                      "2025-03-06T09",
                                      "2025-03-06T24:00:00Z",
                                      "2025-03-06T09:60:00Z",
                                      "2025-03-06T09:05:60Z",
                                      "2025-03-06T09:05:04.Z",
                                      "2025-03-06T09:05:04,5Z",
                                      "2025-03-06T09:05:04 Z",
                                      "2025-03-06T09:05:04+",
                                      "2025-03-06T09:05:04+1",
                                      "2025-03-06T09:05:04+24:00",
                                      "2025-03-06T09:05:04Z ",
                                      " 2025-03-06",
                                      "2025-03-06Z",
                                      "06/03/2025",
                                      "1741251904",
                                      "/Date(1439434356790)/",
                                      "2025-03-06T09:05:04+01:00Z",
                                      "+2025-03-06",
                                      "Thu, 06 Mar 2025 09:05:04 GMT"}) {
    EXPECT_FALSE(ParseInstant(text).has_value()) << text;
  }
}

TEST(ParseInstant, AgreesWithAnotherReaderOnRandomInstants) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int64_t> any_second(-62'135'596'800, 253'402'300'799);
  for (int i = 0; i < 20'000; ++i) {
    const int64_t seconds = any_second(random);
    const std::string text = absl::FormatTime("%E4Y-%m-%dT%H:%M:%SZ",
                                              absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
    ExpectReads(text, seconds);
  }
}

TEST(Instant, CountsMicrosForwardsBefore1970) {
  EXPECT_EQ((Instant{-1, 999'999'999}).Micros(), -1);
  EXPECT_EQ((Instant{-1, 0}).Micros(), -1'000'000);
  EXPECT_EQ((Instant{0, 1'999}).Micros(), 1);
}

}  // namespace
}  // namespace tributary
