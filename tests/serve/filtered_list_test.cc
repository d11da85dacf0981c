// List with a filter, from a whole server over real sockets.

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "server/base/limits.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/deliveries.h"
#include "tests/testing/test_server.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/crm/v1/stage.pb.h"

namespace tributary {
namespace {

using crm::v1::ListOpportunitiesRequest;
using crm::v1::ListOpportunitiesResponse;
using crm::v1::ListStagesRequest;
using crm::v1::ListStagesResponse;
using testing::Call;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ReasonIn;
using testing::TestServer;

constexpr char kListDeals[] = "/tributary.crm.v1.OpportunityService/ListOpportunities";
constexpr char kListStages[] = "/tributary.crm.v1.StageService/ListStages";

class FilteredListTest : public ::testing::Test {
 protected:
  void PutDeal(const std::string& id, const std::string& stage, double amount,
               const std::string& owner = "acme") {
    server_.Put("crmOpportunity", id,
                {{"name", "Deal " + id},
                 {"amount", amount},
                 {"stage", {{"object", "resourceRef"}, {"model", "crmStage"}, {"id", stage}}}},
                owner);
  }
  void PutStage(const std::string& id, const std::string& type, const std::string& owner = "acme") {
    server_.Put("crmStage", id, {{"name", id}, {"type", type}}, owner);
  }

  ListOpportunitiesResponse Page(const ListOpportunitiesRequest& request) {
    ListOpportunitiesResponse response;
    const grpc::Status status = Call(*server_.channel(), kListDeals, request, &response);
    EXPECT_TRUE(status.ok()) << request.filter() << ": " << status.error_message();
    return response;
  }
  static void AddIds(const ListOpportunitiesResponse& page, std::vector<std::string>& ids) {
    for (const auto& deal : page.opportunities()) ids.push_back(deal.id());
  }

  // Every page of the list, `page_size` at a time.
  std::vector<std::string> Ids(const std::string& filter, int page_size = 2) {
    ListOpportunitiesRequest request;
    request.set_filter(filter);
    request.set_page_size(page_size);
    std::vector<std::string> ids;
    do {
      const ListOpportunitiesResponse page = Page(request);
      AddIds(page, ids);
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  }

  TestServer server_;
};

TEST_F(FilteredListTest, AnswersWhatMatchesPageByPage) {
  for (int i = 0; i < 9; ++i) PutDeal("d" + std::to_string(i), i % 2 == 0 ? "s1" : "s2", i * 1000);
  EXPECT_THAT(Ids("stage = s1"), ElementsAre("d0", "d2", "d4", "d6", "d8"));
  EXPECT_THAT(Ids("stage = (s1 OR s2) amount >= 7000"), ElementsAre("d7", "d8"));
  EXPECT_THAT(Ids("amount > 1000000"), IsEmpty());
  EXPECT_EQ(Ids("").size(), 9u);
  EXPECT_EQ(Ids("  ").size(), 9u);
  server_.Delete("crmOpportunity", "d7");
  EXPECT_THAT(Ids("amount >= 7000", 100), ElementsAre("d8"));
}

TEST_F(FilteredListTest, StepsThroughAReferenceToTheTargetOfTheSameScope) {
  PutStage("s1", "won");
  PutStage("s2", "lost");
  PutStage("s3", "won", "globex");
  PutDeal("a", "s1", 1);
  PutDeal("b", "s2", 1);
  PutDeal("c", "s3", 1);  // acme has no such stage
  PutDeal("d", "s3", 1, "globex");
  EXPECT_THAT(Ids("stage.type = won"), ElementsAre("a", "d"));
  EXPECT_THAT(Ids("stage.type != won"), ElementsAre("b", "c"));
  EXPECT_THAT(Ids("stage.type:*"), ElementsAre("a", "b", "d"));
  EXPECT_THAT(Ids("stage.name = s1 OR stage.id = s2"), ElementsAre("a", "b"));
  EXPECT_THAT(Ids("NOT stage.created_at:* AND stage.owner_id = globex"), ElementsAre("d"));
  server_.Delete("crmStage", "s1");
  EXPECT_THAT(Ids("stage.type = won"), ElementsAre("d"));
}

TEST_F(FilteredListTest, PagesShowOneRevisionWhileWritesGoOnAlsoBeyondReferences) {
  PutStage("s1", "won");
  PutStage("s2", "open");
  for (int i = 0; i < 6; ++i) PutDeal("d" + std::to_string(i), i % 2 == 0 ? "s1" : "s2", 5);
  ListOpportunitiesRequest request;
  request.set_filter("stage.type = won AND amount = 5");
  request.set_page_size(1);
  std::vector<std::string> ids;
  std::set<int64_t> revisions;
  for (int page = 0; page == 0 || !request.page_token().empty(); ++page) {
    const ListOpportunitiesResponse response = Page(request);
    AddIds(response, ids);
    revisions.insert(response.revision());
    request.set_page_token(response.next_page_token());
    // Each of these would change what a later page shows.
    PutDeal("d2", "s2", 6 + page);
    PutDeal("d3", "s1", 5);
    server_.Delete("crmOpportunity", "d4");
    PutStage("s1", page % 2 == 0 ? "open" : "won");
    PutStage("s2", "won");
  }
  EXPECT_THAT(ids, ElementsAre("d0", "d2", "d4"));
  EXPECT_EQ(revisions.size(), 1u);
}

TEST_F(FilteredListTest, RefusesWhatIsNoFilterAndSaysWhere) {
  const auto refused = [&](const std::string& filter) {
    ListOpportunitiesRequest request;
    request.set_filter(filter);
    ListOpportunitiesResponse response;
    grpc::ClientContext context;
    const grpc::Status status = Call(*server_.channel(), kListDeals, request, &response, &context);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(ReasonIn(context), "FILTER_INVALID");
    EXPECT_LT(status.error_message().size() + status.error_details().size(),
              limits::kErrorBytesMax);
    EXPECT_THAT(status.error_details(), HasSubstr("BadRequest"));
    EXPECT_THAT(status.error_details(), HasSubstr("position"));
    return status.error_message();
  };
  EXPECT_EQ(refused("amuont > 3"),
            "filter: at character 1, \"amuont\": Opportunity has no such field (did you mean "
            "amount?) (FILTER_INVALID)");
  EXPECT_THAT(refused("changed(stage)"), HasSubstr("only Watch takes them"));
  EXPECT_THAT(refused("previous.amount < 5"), HasSubstr("only Watch takes them"));
  refused(std::string(100'000, 'x'));
  refused("name = \"" + std::string(4'000, '\x01'));
}

TEST_F(FilteredListTest, APageTokenBelongsToItsFilter) {
  for (const char* id : {"a", "b", "c"}) PutDeal(id, "s1", 1);
  ListOpportunitiesRequest request;
  request.set_filter("amount = 1");
  request.set_page_size(1);
  request.set_page_token(Page(request).next_page_token());
  EXPECT_EQ(Page(request).opportunities(0).id(), "b");
  request.set_filter("amount = 2");
  ListOpportunitiesResponse response;
  grpc::ClientContext context;
  EXPECT_FALSE(Call(*server_.channel(), kListDeals, request, &response, &context).ok());
  EXPECT_EQ(ReasonIn(context), "PAGE_TOKEN_MISMATCH");
}

// One answer of a filter that matches little looks through so much and no more.
TEST(FilteredListScan, IsBoundedPerPageAndGoesOnByToken) {
  constexpr int kStages = limits::kFilteredListReadsMax * 1024 + 2'000;
  testing::TempDir dir;
  const SystemClock clock;
  SqliteOptions sqlite;
  sqlite.path = dir.path() + "/test.db";
  {
    auto store = OpenSqliteStore(sqlite, clock);
    TRIBUTARY_ASSERT_OK(store);
    std::vector<Delivery> batch;
    for (int i = 0; i < kStages; ++i) {
      const std::string id = std::to_string(100'000 + i);
      crm::v1::Stage stage;
      stage.set_connector_id("hubspot");
      stage.set_owner_id("acme");
      stage.set_id(id);
      stage.mutable_fields()->set_name("Stage " + id);
      batch.push_back(
          testing::Say(Rank::kCreated, testing::KeyOf(id, "acme", "hubspot", "crmStage"))
              .State(stage.SerializeAsString()));
    }
    TRIBUTARY_ASSERT_OK((*store)->Commit(batch));
  }
  ServerOptions options;
  options.store = "sqlite:" + sqlite.path;
  options.grpc.address = "127.0.0.1:0";
  options.http.address = "127.0.0.1:0";
  auto server = Server::Start(options, clock);
  TRIBUTARY_ASSERT_OK(server);
  const auto channel = testing::ChannelTo((*server)->grpc_port());

  ListStagesRequest request;
  const std::string last = std::to_string(100'000 + kStages - 1);
  request.set_filter("name = \"Stage " + last + "\"");
  std::vector<std::string> ids;
  int pages = 0;
  do {
    ListStagesResponse response;
    const grpc::Status status = Call(*channel, kListStages, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    if (pages == 0) {
      EXPECT_EQ(response.stages_size(), 0);
      EXPECT_NE(response.next_page_token(), "") << "the first page saw everything";
    }
    for (const auto& stage : response.stages()) ids.push_back(stage.id());
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_THAT(ids, ElementsAre(last));
  EXPECT_GE(pages, 2);
}

}  // namespace
}  // namespace tributary
