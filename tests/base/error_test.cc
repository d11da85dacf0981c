#include "server/base/error.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace tributary {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::tributary::testing::HasReason;
using ::tributary::testing::IsOk;
using ::tributary::testing::IsOkAndHolds;
using ::tributary::testing::StatusIs;

TEST(Error, CarriesItsDetailInTheOrderGiven) {
  ErrorDetail detail;
  detail.reason = reason::kResumeTokenExpired;
  detail.metadata = {{"oldest_revision", "7"}, {"head_revision", "99"}, {"a/b", "c/d"}};
  detail.violations = {{"page_token", "must be one of ours"}, {"filter", ""}};
  detail.resource = ErrorDetail::Resource{"deal", "hubspot/acme/a/b"};
  detail.retry_after_ms = 1000;
  const absl::Status status = MakeError(absl::StatusCode::kOutOfRange, "too old", detail);

  EXPECT_THAT(status, AllOf(StatusIs(absl::StatusCode::kOutOfRange, "too old"),
                            HasReason(reason::kResumeTokenExpired)));
  const ErrorDetail back = DetailOf(status);
  EXPECT_THAT(back.metadata, ElementsAre(Pair("oldest_revision", "7"), Pair("head_revision", "99"),
                                         Pair("a/b", "c/d")));
  ASSERT_THAT(back.violations, SizeIs(2));
  EXPECT_EQ(back.violations[0].field, "page_token");
  EXPECT_EQ(back.violations[0].description, "must be one of ours");
  EXPECT_EQ(back.violations[1].field, "filter");
  ASSERT_TRUE(back.resource.has_value());
  EXPECT_EQ(back.resource->type, "deal");
  EXPECT_EQ(back.resource->name, "hubspot/acme/a/b");
  EXPECT_EQ(back.retry_after_ms, 1000);
}

TEST(Error, OfAnotherMakeHasTheReasonOfItsCode) {
  EXPECT_EQ(DetailOf(absl::NotFoundError("x")).reason, reason::kResourceNotFound);
  EXPECT_EQ(DetailOf(absl::UnavailableError("x")).reason, reason::kStoreUnavailable);
  EXPECT_EQ(DetailOf(absl::DataLossError("x")).reason, reason::kStoredDataCorrupt);
  EXPECT_EQ(DetailOf(absl::InternalError("x")).reason, reason::kInternal);
  EXPECT_THAT(DetailOf(absl::InternalError("x")).metadata, IsEmpty());
}

TEST(Error, OfAFieldNamesItTwice) {
  const absl::Status status = InvalidField("page_size", "must not be negative");
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument, "page_size: must not be negative"));
  const ErrorDetail detail = DetailOf(status);
  EXPECT_EQ(detail.reason, reason::kArgumentInvalid);
  ASSERT_THAT(detail.violations, SizeIs(1));
  EXPECT_EQ(detail.violations[0].field, "page_size");
}

TEST(Error, StaysSmallWhateverItIsMadeOf) {
  ErrorDetail detail;
  detail.reason = reason::kArgumentInvalid;
  detail.metadata = {{"long", std::string(10'000, 'x')}};
  for (int i = 0; i < 100; ++i) detail.violations.push_back({"field", "rule"});
  const ErrorDetail back = DetailOf(MakeError(absl::StatusCode::kInvalidArgument, "x", detail));
  EXPECT_LE(back.metadata[0].second.size(), 256u);
  EXPECT_THAT(back.violations, SizeIs(10));
}

TEST(StatusMatchers, HoldWhatTheySay) {
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(absl::StatusOr<int>(7), IsOkAndHolds(7));
  EXPECT_THAT(absl::StatusOr<int>(7), IsOkAndHolds(::testing::Gt(6)));
  EXPECT_THAT(absl::StatusOr<int>(7), ::testing::Not(IsOkAndHolds(8)));
  EXPECT_THAT(absl::StatusOr<int>(absl::NotFoundError("x")), ::testing::Not(IsOkAndHolds(7)));
  EXPECT_THAT(absl::NotFoundError("x"), ::testing::Not(IsOk()));
  EXPECT_THAT(absl::OkStatus(), ::testing::Not(HasReason(reason::kInternal)));
}

}  // namespace
}  // namespace tributary
