#include <string>

#include "gtest/gtest.h"
#include "tests/ingest/ingest_fixture.h"

namespace tributary::testing {
namespace {

using WebhookValidationTest = IngestTest;

TEST_F(WebhookValidationTest, WithRejectAValueOutOfItsContractIs422AndStaysOutOfTheState) {
  StartServer({}, {}, {.validation = Validation::kReject});
  const HttpReply reply = Ask(Webhook(WorkspaceBody("w", std::string(300, 'x'))));
  EXPECT_EQ(reply.status, 422);
  const nlohmann::json problem = reply.Json();
  ASSERT_TRUE(problem.is_object()) << reply.body;
  EXPECT_EQ(problem.value("reason", ""), "CONTENT_INVALID");
  ASSERT_TRUE(problem.contains("faults") && !problem["faults"].empty());
  EXPECT_EQ(problem["faults"][0].value("pointer", ""), "/data/fields/name");
  EXPECT_FALSE(problem["faults"][0].value("detail", "").empty());
  EXPECT_EQ(reply.Header("x-tributary-verdict"), "REJECTED");
  EXPECT_EQ(HeadRevision(), 0);
  EXPECT_EQ(Ask(Webhook(WorkspaceBody("w", "Acme"), "2")).status, 200);
}

TEST_F(WebhookValidationTest, AResourceThatCannotBeKeptWithinItsSizeIsRefused) {
  StartServer({.body_bytes_max = 8 * 1024 * 1024});
  // A body that the server reads whole, of which no single value may be left out.
  const std::string name(2 * 1024 * 1024, 'x');
  const HttpReply reply = Ask(Webhook(WorkspaceBody("w", name)));
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.Json().value("reason", ""), "RESOURCE_TOO_LARGE") << reply.body;
  EXPECT_EQ(HeadRevision(), 0);
  EXPECT_LT(reply.body.size(), 8192u);
}

}  // namespace
}  // namespace tributary::testing
