#include "server/ingest/answers.h"

#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/ingest/response_text.h"

namespace tributary::testing {
namespace {

using Json = nlohmann::ordered_json;

constexpr Verdict kVerdicts[] = {Verdict::kApplied, Verdict::kUnchanged, Verdict::kDuplicate,
                                 Verdict::kSuperseded, Verdict::kParked};

TEST(VerdictAnswer, IsByteForByteWhatAJsonLibraryWrites) {
  for (const Verdict verdict : kVerdicts) {
    for (const Revision revision : {Revision{0}, Revision{1}, Revision{9'007'199'254'740'993}}) {
      const HttpAnswer answer = VerdictAnswer({}, {verdict, revision, 77});
      Json expected = {{"verdict", VerdictName(verdict)}};
      if (revision != 0) expected["revision"] = revision;
      expected["deliveryId"] = DeliveryId(77);
      expected["warnings"] = Json::array();
      EXPECT_EQ(answer.body, expected.dump());
      EXPECT_EQ(answer.status, verdict == Verdict::kParked ? 202 : 200);
    }
  }
}

TEST(VerdictAnswer, QuotesWhateverBytesAWarningHolds) {
  DecodedWebhook decoded;
  const std::string odd = "\"\\\x01\xff\xE2\x82\xAC";
  decoded.warnings.push_back({"/p" + odd, "f" + odd, "c", "d" + odd, "v" + odd});
  decoded.faults.push_back({"/event", "", "", "d" + odd, "v" + odd});
  const HttpAnswer answer = VerdictAnswer(decoded, {Verdict::kParked, 0, 5});
  const Json json = Json::parse(answer.body, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << answer.body;
  const std::string repaired = "\"\\\x01\xEF\xBF\xBD\xE2\x82\xAC";
  EXPECT_EQ(json["warnings"][0]["pointer"], "/p" + repaired);
  EXPECT_EQ(json["warnings"][0]["value"], "v" + repaired);
  EXPECT_EQ(json["detail"], "/event v" + repaired + ": d" + repaired);
}

TEST(ResponseText, HasAHeadOfWholeLinesThenTheBody) {
  HttpAnswer answer;
  answer.status = 404;
  answer.content_type = "application/problem+json";
  answer.headers = "retry-after: 1\r\n";
  answer.body = "{}";
  std::string out;
  AppendResponse(answer, {.request_id = "id-1"}, out);
  EXPECT_EQ(out,
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\n"
            "x-request-id: id-1\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}");
}

TEST(ResponseText, SaysWhatTheOtherSideWouldNotAssumeOfTheConnection) {
  const auto text = [](ResponseFrame frame) {
    HttpAnswer answer;
    answer.body = "body";
    std::string out;
    AppendResponse(answer, frame, out);
    return out;
  };
  using std::string;
  EXPECT_EQ(text({.version = 11, .keep_alive = true}).find("connection:"), string::npos);
  EXPECT_NE(text({.version = 11, .keep_alive = false}).find("connection: close\r\n"), string::npos);
  EXPECT_EQ(text({.version = 10, .keep_alive = false}).find("connection:"), string::npos);
  EXPECT_NE(text({.version = 10, .keep_alive = true}).find("connection: keep-alive\r\n"),
            string::npos);
  EXPECT_TRUE(text({.version = 10}).starts_with("HTTP/1.0 200 OK\r\n"));
  const string bare = text({.bare = true});
  EXPECT_NE(bare.find("content-length: 4\r\n"), string::npos);
  EXPECT_TRUE(bare.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace tributary::testing
