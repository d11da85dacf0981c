#include "server/serve/grpc_status.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/server_context.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/base/limits.h"

namespace tributary {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(GrpcStatus, NamesTheReasonInTheMessageAndInTheDetails) {
  grpc::ServerContext context;
  ErrorDetail detail;
  detail.reason = reason::kResumeTokenExpired;
  detail.metadata = {{"oldest_revision", "12"}, {"head_revision", "99"}};
  detail.violations = {{"resume_token", "is too old"}};
  const grpc::Status status = ToGrpcStatus(
      MakeError(absl::StatusCode::kOutOfRange, "resume_token is too old", std::move(detail)),
      context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(status.error_message(), "resume_token is too old (RESUME_TOKEN_EXPIRED)");
  EXPECT_THAT(status.error_details(), HasSubstr("type.googleapis.com/google.rpc.ErrorInfo"));
  EXPECT_THAT(status.error_details(), HasSubstr("tributary.dev"));
  EXPECT_THAT(status.error_details(), HasSubstr("oldest_revision"));
  EXPECT_THAT(status.error_details(), HasSubstr("type.googleapis.com/google.rpc.BadRequest"));
}

TEST(GrpcStatus, GivesEveryCodeAReason) {
  for (int code = 1; code <= 16; ++code) {
    grpc::ServerContext context;
    const auto status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "x"), context);
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_THAT(status.error_message(), ::testing::MatchesRegex("x \\([A-Z_]+\\)"));
  }
}

TEST(GrpcStatus, StaysWithinItsBoundWhateverTheRequestHeld) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const auto text = [&](size_t most) {
      std::string out;
      for (size_t i = random() % most; i > 0; --i) out += random() % 2 == 0 ? "\xc3\xa9" : "%";
      return out;
    };
    ErrorDetail detail;
    detail.reason = reason::kArgumentInvalid;
    for (int i = 0; i < 20; ++i) {
      detail.violations.push_back({text(2000), text(2000)});
    }
    detail.metadata.emplace_back("value", text(2000));
    const std::string message = text(4000);
    grpc::ServerContext context;
    const grpc::Status status =
        ToGrpcStatus(MakeError(absl::StatusCode::kInvalidArgument, message, detail), context);
    size_t wire = status.error_details().size() * 4 / 3;
    for (const char c : status.error_message()) wire += (c < ' ' || c > '~' || c == '%') ? 3 : 1;
    EXPECT_LE(wire, limits::kErrorBytesMax);
    EXPECT_THAT(status.error_message(), EndsWith(" (ARGUMENT_INVALID)"));
  }
}

}  // namespace
}  // namespace tributary
