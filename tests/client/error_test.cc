// What the server writes into a failed call, read as the client reads it.

#include "client/error.h"

#include <grpcpp/client_context.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/serve/error_details.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

absl::Status Received(grpc::StatusCode code, const std::string& message,
                      const ErrorDetail& detail) {
  const std::string details =
      EncodeErrorDetails(static_cast<absl::StatusCode>(code), message, detail);
  return ToAbslStatus(grpc::Status(code, message, details), grpc::ClientContext());
}

TEST(Error, CarriesTheReasonAndItsMetadata) {
  ErrorDetail detail;
  detail.reason = "RESUME_TOKEN_EXPIRED";
  detail.metadata = {{"oldest_revision", "7"}, {"head_revision", "99"}};
  const absl::Status status = Received(grpc::StatusCode::OUT_OF_RANGE, "too old", detail);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(status.message(), "too old");
  EXPECT_EQ(ReasonOf(status), "RESUME_TOKEN_EXPIRED");
  EXPECT_THAT(MetadataOf(status),
              UnorderedElementsAre(Pair("oldest_revision", "7"), Pair("head_revision", "99")));
}

TEST(Error, NamesTheFieldsAtFault) {
  ErrorDetail detail;
  detail.reason = "ARGUMENT_INVALID";
  detail.violations = {{"page_size", "must not be negative"}, {"owner_id", "is needed"}};
  const absl::Status status = Received(grpc::StatusCode::INVALID_ARGUMENT, "no", detail);
  EXPECT_THAT(ViolationsOf(status), ElementsAre(Pair("page_size", "must not be negative"),
                                                Pair("owner_id", "is needed")));
}

TEST(Error, SaysHowLongToWait) {
  ErrorDetail detail;
  detail.reason = "SERVER_DRAINING";
  detail.retry_after_ms = 1'250;
  const absl::Status status = Received(grpc::StatusCode::UNAVAILABLE, "draining", detail);
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(1'250));
}

TEST(Error, OfAnyOtherServerHasNoDetails) {
  for (const char* details : {"", "garbage", "\x1A\x7F"}) {
    const absl::Status status = ToAbslStatus(
        grpc::Status(grpc::StatusCode::UNAVAILABLE, "no route", details), grpc::ClientContext());
    EXPECT_EQ(ReasonOf(status), "");
    EXPECT_THAT(MetadataOf(status), IsEmpty());
    EXPECT_THAT(ViolationsOf(status), IsEmpty());
    EXPECT_EQ(RetryDelayOf(status), std::nullopt);
  }
}

TEST(Error, OfACallThatWentWellIsNone) {
  EXPECT_TRUE(ToAbslStatus(grpc::Status::OK, grpc::ClientContext()).ok());
}

TEST(Error, IsTransientWhereTimeCanMendIt) {
  ErrorDetail overloaded;
  overloaded.reason = "OVERLOADED";
  ErrorDetail broken;
  broken.reason = "INTERNAL";
  EXPECT_TRUE(IsTransient(absl::UnavailableError("")));
  EXPECT_TRUE(IsTransient(Received(grpc::StatusCode::RESOURCE_EXHAUSTED, "", overloaded)));
  // A message above the limit of the client itself.
  EXPECT_FALSE(IsTransient(absl::ResourceExhaustedError("")));
  // A stream that was reset on the way, and a server that says so itself.
  EXPECT_TRUE(IsTransient(absl::InternalError("")));
  EXPECT_FALSE(IsTransient(Received(grpc::StatusCode::INTERNAL, "", broken)));
  for (const auto code : {absl::StatusCode::kOk, absl::StatusCode::kNotFound,
                          absl::StatusCode::kInvalidArgument, absl::StatusCode::kOutOfRange,
                          absl::StatusCode::kDataLoss, absl::StatusCode::kUnimplemented}) {
    EXPECT_FALSE(IsTransient(absl::Status(code, ""))) << static_cast<int>(code);
  }
}

}  // namespace
}  // namespace tributary
