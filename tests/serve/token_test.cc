#include "server/serve/token.h"

#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "tests/testing/status_matchers.h"

namespace tributary {
namespace {

using ::testing::AllOf;
using testing::HasReason;
using testing::StatusIs;

const TokenBinding kBinding{
    "0123456789abcdef0123456789abcdef", {{"deal"}, "hubspot", "acme"}, "f", "o"};

struct OlderToken {
  const char* token;
  Position position;
};
const OlderToken kOlderTokens[] = {
    {"AVII0O_-purroskLEPirvtCs-PnPJxi2jo-Pir7wxhkgxKWqyqLSvptgKNrxqNi5uOPpRjDr-sj-"
     "7fP14kQ4AUAqSE1QAVoEZGVhbGIHaHVic3BvdGoEYWNtZXIBYWbB_r0",
     {Position::Stage::kSnapshot, 42, Key{"deal", "hubspot", "acme", "a"}}},
    {"AVII0O_-purroskLEPirvtCs-PnPJxi2jo-Pir7wxhkgxKWqyqLSvptgKNrxqNi5uOPpRjDr-sj-"
     "7fP14kQ4AkAqSE1v5n8J",
     {Position::Stage::kTail, 42}},
};

TEST(ResumeToken, ComesBackAsItWasGiven) {
  Position position = Position::Snapshot(42);
  position.last = Key{"deal", "hubspot", "acme", "a/b \" \xc3\xa9"};
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(
      const ResumePoint point,
      DecodeResumeToken(ResumeTokens(kBinding).Encode(position, 77), kBinding));
  EXPECT_EQ(point.position.stage, Position::Stage::kSnapshot);
  EXPECT_EQ(point.position.revision, 42);
  EXPECT_EQ(point.position.last, position.last);
  EXPECT_EQ(point.committed_us, 77);
}

TEST(ResumeToken, OfAnEmptyPositionComesBackToo) {
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(
      const ResumePoint point,
      DecodeResumeToken(ResumeTokens(kBinding).Encode(Position::Tail(0), 0), kBinding));
  EXPECT_EQ(point.position.stage, Position::Stage::kTail);
  EXPECT_EQ(point.position.revision, 0);
  EXPECT_FALSE(point.position.last.has_value());
}

TEST(ResumeToken, OfAMovingSnapshotAndOfACoalescedDeltaComeBackToo) {
  Position moving = Position::Snapshot(42);
  moving.last = Key{"deal", "hubspot", "acme", "a"};
  moving.move = {43, 99};
  Position delta = Position::Tail(42);
  delta.consistent_from = 77;
  for (const Position& position : {moving, delta}) {
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(
        const ResumePoint point,
        DecodeResumeToken(ResumeTokens(kBinding).Encode(position, 0), kBinding));
    EXPECT_EQ(point.position, position);
  }
}

// Given by the first version, which compacted nothing.
TEST(ResumeToken, OfAnOlderServerKeepsWorking) {
  for (const auto& [token, position] : kOlderTokens) {
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(const ResumePoint point, DecodeResumeToken(token, kBinding));
    EXPECT_EQ(point.position, position);
  }
}

TEST(ResumeToken, OfTheFeedIsOfNoOtherMethod) {
  TokenBinding feed = kBinding;
  feed.feed = true;
  const std::string token = ResumeTokens(feed).Encode(Position::Tail(42), 0);
  EXPECT_THAT(DecodeResumeToken(token, feed), testing::IsOk());
  EXPECT_THAT(DecodeResumeToken(token, kBinding), HasReason("RESUME_TOKEN_OTHER_REQUEST"));
}

TEST(ResumeToken, StaysUsableInAUrlAndWithinItsBoundForTheLongestNames) {
  Position position = Position::Snapshot(INT64_MAX);
  const std::string longest(limits::kNameBytesMax, 'x');
  position.last = Key{longest, longest, longest, longest};
  position.move = {INT64_MAX, INT64_MAX};
  position.consistent_from = INT64_MAX;
  const std::string token = ResumeTokens(kBinding).Encode(position, INT64_MAX);
  EXPECT_LE(token.size(), limits::kTokenBytesMax);
  EXPECT_THAT(token, ::testing::MatchesRegex("[A-Za-z0-9_-]+"));
  EXPECT_THAT(DecodeResumeToken(token, kBinding), testing::IsOk());
}

TEST(ResumeToken, IsRefusedWhereverItIsGarbled) {
  const std::string token = ResumeTokens(kBinding).Encode(Position::Tail(42), 77);
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(token, &bytes));
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string garbled = bytes;
    garbled[i / 8] = static_cast<char>(garbled[i / 8] ^ (1 << (i % 8)));
    EXPECT_THAT(
        DecodeResumeToken(absl::WebSafeBase64Escape(garbled), kBinding),
        AllOf(StatusIs(absl::StatusCode::kInvalidArgument), HasReason("RESUME_TOKEN_MALFORMED")))
        << "bit " << i;
  }
  for (size_t length = 1; length < token.size(); ++length) {
    EXPECT_THAT(DecodeResumeToken(token.substr(0, length), kBinding),
                HasReason("RESUME_TOKEN_MALFORMED"));
  }
}

TEST(ResumeToken, SurvivesArbitraryBytesWithoutBeingAccepted) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_THAT(DecodeResumeToken(bytes, kBinding), HasReason("RESUME_TOKEN_MALFORMED"));
  }
}

TEST(ResumeToken, IsRefusedForAnotherRequestAndSaysWhatDiffers) {
  const std::string token = ResumeTokens(kBinding).Encode(Position::Tail(42), 0);
  const auto differs = [&](TokenBinding other) {
    const absl::Status status = DecodeResumeToken(token, other).status();
    EXPECT_THAT(status, HasReason("RESUME_TOKEN_OTHER_REQUEST"));
    return DetailOf(status).metadata.at(0).second;
  };
  TokenBinding other = kBinding;
  other.selection.models = {"contact"};
  EXPECT_EQ(differs(other), "models");
  other = kBinding;
  other.selection.connector_id = "";
  EXPECT_EQ(differs(other), "connector_id");
  other = kBinding;
  other.selection.owner_id = "globex";
  EXPECT_EQ(differs(other), "owner_id");
  other = kBinding;
  other.filter = "f ";
  EXPECT_EQ(differs(other), "filter");
}

TEST(ResumeToken, OfAnotherStoreHasAReasonOfItsOwn) {
  TokenBinding other = kBinding;
  other.store_id[0] = 'f';
  EXPECT_THAT(DecodeResumeToken(ResumeTokens(other).Encode(Position::Tail(1), 0), kBinding),
              HasReason("RESUME_TOKEN_OTHER_STORE"));
}

TEST(PageToken, ComesBackAsItWasGivenAndIsNoResumeToken) {
  const PagePosition position{9, {"deal", "hubspot", "acme", "id"}};
  const std::string token = EncodePageToken(kBinding, position);
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const PagePosition decoded, DecodePageToken(token, kBinding));
  EXPECT_EQ(decoded.revision, 9);
  EXPECT_EQ(decoded.last, position.last);
  EXPECT_THAT(DecodeResumeToken(token, kBinding), HasReason("RESUME_TOKEN_MALFORMED"));
  EXPECT_THAT(DecodePageToken(ResumeTokens(kBinding).Encode(Position::Tail(1), 0), kBinding),
              HasReason("PAGE_TOKEN_MALFORMED"));
}

TEST(PageToken, IsRefusedForOtherArguments) {
  const std::string token = EncodePageToken(kBinding, {9, {"deal", "hubspot", "acme", "id"}});
  TokenBinding other = kBinding;
  other.order_by = "amount desc";
  const absl::Status status = DecodePageToken(token, other).status();
  EXPECT_THAT(status, HasReason("PAGE_TOKEN_MISMATCH"));
  EXPECT_EQ(DetailOf(status).metadata.at(0).second, "order_by");
}

}  // namespace
}  // namespace tributary
