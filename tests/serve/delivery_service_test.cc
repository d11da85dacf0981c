// The ledger of a whole server, over real sockets.

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/test_server.h"
#include "tributary/ingest/v1/delivery.pb.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ReasonIn;
using testing::TestServer;

constexpr char kService[] = "/tributary.ingest.v1.DeliveryService/";

class DeliveryServiceTest : public ::testing::Test {
 protected:
  template <typename Response, typename Request>
  Response Ask(const std::string& method, const Request& request) {
    Response response;
    const grpc::Status status =
        testing::Call(*server_->channel(), kService + method, request, &response);
    EXPECT_TRUE(status.ok()) << method << ": " << status.error_message();
    return response;
  }
  template <typename Response, typename Request>
  std::string Refusal(const std::string& method, const Request& request) {
    Response response;
    grpc::ClientContext context;
    EXPECT_FALSE(
        testing::Call(*server_->channel(), kService + method, request, &response, &context).ok());
    return ReasonIn(context);
  }

  std::vector<std::string> List(const std::string& filter, int page_size = 0) {
    ingest::v1::ListDeliveriesRequest request;
    request.set_filter(filter);
    request.set_page_size(page_size);
    std::vector<std::string> ids;
    do {
      const auto page = Ask<ingest::v1::ListDeliveriesResponse>("ListDeliveries", request);
      for (const auto& delivery : page.deliveries()) ids.push_back(delivery.id());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  }

  // "id before>after"
  std::vector<std::string> Replay(const std::string& filter, bool dry_run = false) {
    ingest::v1::ReplayDeliveriesRequest request;
    request.set_filter(filter);
    request.set_dry_run(dry_run);
    request.set_page_size(2);
    std::vector<std::string> replays;
    skipped_ = 0;
    do {
      const auto page = Ask<ingest::v1::ReplayDeliveriesResponse>("ReplayDeliveries", request);
      for (const auto& replay : page.replays()) {
        replays.push_back(replay.delivery_id() + " " + Name(replay.before()) + ">" +
                          Name(replay.after()));
      }
      skipped_ += page.skipped_without_body();
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return replays;
  }

  ingest::v1::Delivery Get(const std::string& id) {
    ingest::v1::GetDeliveryRequest request;
    request.set_id(id);
    return Ask<ingest::v1::Delivery>("GetDelivery", request);
  }

  static std::string Name(ingest::v1::Verdict verdict) {
    return ingest::v1::Verdict_Name(verdict).substr(std::string("VERDICT_").size());
  }

  // Strict, so that some are rejected; then, on the same file, lenient.
  void StartStrict() {
    ServerOptions options;
    options.decoder.validation = Validation::kReject;
    server_.emplace(options);
  }

  std::optional<TestServer> server_;
  int64_t skipped_ = 0;
};

TEST_F(DeliveryServiceTest, ListsWhatArrivedByAnyOfItsFields) {
  server_.emplace();
  server_->Put("crmStage", "s1", {{"name", "Won"}, {"type", "won"}});       // 1
  server_->Post(TestServer::Body("crmStage", "moved", "s1", nullptr));      // 2 parked
  server_->Post("{");                                                       // 3 rejected
  server_->Put("genericContact", "c1", {{"email", "nonsense"}}, "globex");  // 4 with a warning
  EXPECT_THAT(List(""), ElementsAre("4", "3", "2", "1"));
  EXPECT_THAT(List("", 1), ElementsAre("4", "3", "2", "1"));
  EXPECT_THAT(List("verdict = PARKED OR verdict = REJECTED"), ElementsAre("3", "2"));
  EXPECT_THAT(List("owner_id = globex"), ElementsAre("4"));
  EXPECT_THAT(List("model = crmStage AND in_history = false"), ElementsAre("2"));
  EXPECT_THAT(List("warningCount > 0"), ElementsAre("4"));
  EXPECT_THAT(List("warning_count = 0 AND has_body = true"), ElementsAre("3", "2"));
  EXPECT_THAT(List("revision = 0"), ElementsAre("3", "2"));
  EXPECT_THAT(List("event = \"\""), ElementsAre("3")) << "what is not JSON names none";
  EXPECT_THAT(List("event != \"\" AND model = \"\""), IsEmpty());
  EXPECT_THAT(List("received_at < \"2001-01-01T00:00:00Z\""), IsEmpty());
  EXPECT_THAT(List("id = *", 2), ElementsAre("4", "3", "2", "1"));

  const ingest::v1::Delivery parked = Get("2");
  EXPECT_EQ(parked.event(), "crmStage::moved");
  EXPECT_THAT(parked.problem(), HasSubstr("trigger"));
  EXPECT_THAT(parked.body(), HasSubstr("\"s1\""));
  EXPECT_EQ(parked.body_bytes(), static_cast<int64_t>(parked.body().size()));
  EXPECT_EQ(parked.remote_address(), "127.0.0.1");
  EXPECT_EQ(Get("4").warning_count(), 1);
  EXPECT_THAT(Get("4").problem(), HasSubstr("email"));
  EXPECT_TRUE(Get("4").in_history());
}

TEST_F(DeliveryServiceTest, ReplaysWhatWasRejectedOnceTheRuleIsRelaxed) {
  StartStrict();
  server_->Post(TestServer::Body("genericContact", "updated", "c1", {{"email", "nonsense"}}));
  server_->Put("genericContact", "c2", {{"email", "a@b.example"}});
  server_->Post("{");
  EXPECT_THAT(List("verdict = REJECTED"), ElementsAre("3", "1"));
  EXPECT_THAT(Replay("verdict = REJECTED"),
              ElementsAre("1 REJECTED>REJECTED", "3 REJECTED>REJECTED"));
  server_->SetValidation(Validation::kWarn);
  EXPECT_THAT(Replay("id = *", true), ElementsAre("1 REJECTED>APPLIED", "3 REJECTED>REJECTED"));
  EXPECT_EQ(skipped_, 1);
  EXPECT_THAT(List("verdict = REJECTED"), ElementsAre("3", "1")) << "a dry run changes nothing";
  EXPECT_THAT(Replay("id = *"), ElementsAre("1 REJECTED>APPLIED", "3 REJECTED>REJECTED"));
  EXPECT_THAT(Replay("id = *"), ElementsAre("1 APPLIED>UNCHANGED", "3 REJECTED>REJECTED"));
  EXPECT_EQ(Get("1").revision(), 2);
}

TEST_F(DeliveryServiceTest, PurgesAllButTheHistory) {
  server_.emplace();
  server_->Put("crmStage", "s1", {{"name", "Won"}, {"type", "won"}});
  for (int i = 0; i < 3; ++i) server_->Post("{" + std::to_string(i));
  ingest::v1::PurgeDeliveriesRequest request;
  request.set_filter("id = *");
  request.set_dry_run(true);
  const auto rehearsed = Ask<ingest::v1::PurgeDeliveriesResponse>("PurgeDeliveries", request);
  EXPECT_EQ(rehearsed.purged_count(), 3);
  EXPECT_EQ(rehearsed.kept_count(), 1);
  EXPECT_EQ(List("").size(), 4u);
  request.set_dry_run(false);
  const auto purged = Ask<ingest::v1::PurgeDeliveriesResponse>("PurgeDeliveries", request);
  EXPECT_EQ(purged.purged_count(), 3);
  EXPECT_THAT(List(""), ElementsAre("1"));
}

TEST_F(DeliveryServiceTest, RefusesWhatIsNoRequest) {
  server_.emplace();
  using ingest::v1::ListDeliveriesResponse;
  ingest::v1::ListDeliveriesRequest list;
  list.set_filter("verdct = PARKED");
  EXPECT_EQ(Refusal<ListDeliveriesResponse>("ListDeliveries", list), "FILTER_INVALID");
  list.set_filter("body = x");
  EXPECT_EQ(Refusal<ListDeliveriesResponse>("ListDeliveries", list), "FILTER_INVALID");
  list.set_filter("");
  list.set_page_token("x");
  EXPECT_EQ(Refusal<ListDeliveriesResponse>("ListDeliveries", list), "PAGE_TOKEN_MALFORMED");
  list.set_page_token("");
  list.set_page_size(-1);
  EXPECT_EQ(Refusal<ListDeliveriesResponse>("ListDeliveries", list), "ARGUMENT_INVALID");

  for (int i = 0; i < 2; ++i) server_->Post("{" + std::to_string(i));
  list.set_page_size(1);
  list.set_page_token(Ask<ListDeliveriesResponse>("ListDeliveries", list).next_page_token());
  list.set_filter("id = *");
  EXPECT_EQ(Refusal<ListDeliveriesResponse>("ListDeliveries", list), "PAGE_TOKEN_MISMATCH");

  ingest::v1::GetDeliveryRequest get;
  EXPECT_EQ(Refusal<ingest::v1::Delivery>("GetDelivery", get), "ARGUMENT_INVALID");
  for (const char* id : {"99", "-1", "x", "01"}) {
    get.set_id(id);
    EXPECT_EQ(Refusal<ingest::v1::Delivery>("GetDelivery", get), "RESOURCE_NOT_FOUND") << id;
  }
  EXPECT_EQ(Refusal<ingest::v1::ReplayDeliveriesResponse>("ReplayDeliveries",
                                                          ingest::v1::ReplayDeliveriesRequest()),
            "ARGUMENT_INVALID");
  EXPECT_EQ(Refusal<ingest::v1::PurgeDeliveriesResponse>("PurgeDeliveries",
                                                         ingest::v1::PurgeDeliveriesRequest()),
            "ARGUMENT_INVALID");
}

}  // namespace
}  // namespace tributary
