// List in an order, from a whole server over real sockets.

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/testing/test_server.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary {
namespace {

using crm::v1::ListOpportunitiesRequest;
using crm::v1::ListOpportunitiesResponse;
using testing::Call;
using ::testing::ElementsAre;
using testing::TestServer;

constexpr char kListDeals[] = "/tributary.crm.v1.OpportunityService/ListOpportunities";

class OrderedListTest : public ::testing::Test {
 protected:
  void Put(const std::string& id, const nlohmann::json& amount, const std::string& owner = "acme",
           const std::string& stage = "s1") {
    nlohmann::json fields = {
        {"name", "x"},
        {"stage", {{"object", "resourceRef"}, {"model", "crmStage"}, {"id", stage}}}};
    if (!amount.is_null()) fields["amount"] = amount;
    server_.Put("crmOpportunity", id, fields, owner);
  }

  std::vector<std::string> Ids(const std::string& order_by, const std::string& filter = "",
                               int page_size = 2, const std::string& owner = "") {
    ListOpportunitiesRequest request;
    request.set_order_by(order_by);
    request.set_filter(filter);
    request.set_page_size(page_size);
    request.set_owner_id(owner);
    std::vector<std::string> ids;
    int64_t revision = 0;
    do {
      ListOpportunitiesResponse page;
      const grpc::Status status = Call(*server_.channel(), kListDeals, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (revision == 0) revision = page.revision();
      EXPECT_EQ(page.revision(), revision);
      for (const auto& deal : page.opportunities()) ids.push_back(deal.id());
      request.set_page_token(page.next_page_token());
      if (between_pages_) between_pages_();
    } while (!request.page_token().empty());
    return ids;
  }

  TestServer server_;
  std::function<void()> between_pages_;
};

TEST_F(OrderedListTest, SortsByValueThenByKeyAndAbsentFirst) {
  Put("a", 5);
  Put("b", nullptr);
  Put("c", -1);
  Put("d", 5);
  Put("e", 0);
  Put("a2", 5, "zulu");
  EXPECT_THAT(Ids("amount"), ElementsAre("b", "c", "e", "a", "d", "a2"));
  EXPECT_THAT(Ids("amount desc"), ElementsAre("a", "d", "a2", "e", "c", "b"));
  EXPECT_THAT(Ids("fields.amount asc", "", 1, "acme"), ElementsAre("b", "c", "e", "a", "d"));
  EXPECT_THAT(Ids("amount desc", "amount >= 0 AND amount < 5"), ElementsAre("e"));
  EXPECT_THAT(Ids("amount", "amount <= 0"), ElementsAre("c", "e"));
  EXPECT_THAT(Ids("amount", "NOT amount:*"), ElementsAre("b"));
  server_.Delete("crmOpportunity", "a");
  EXPECT_THAT(Ids("amount desc", "amount = 5"), ElementsAre("d", "a2"));
}

TEST_F(OrderedListTest, PagesShowOneRevisionWhileValuesMove) {
  for (int i = 0; i < 8; ++i) Put(absl::StrCat("d", i), i);
  int moves = 0;
  between_pages_ = [&] {
    // What was shown goes to the end, what was not yet shown to the beginning.
    Put(absl::StrCat("d", moves % 8), 100 - moves % 2 * 200);
    ++moves;
  };
  EXPECT_THAT(Ids("amount"), ElementsAre("d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"));
}

TEST_F(OrderedListTest, AnswersWhatSortingEverythingWould) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  std::vector<std::tuple<double, std::string, std::string>> deals;  // amount, owner, id
  for (int i = 0; i < 60; ++i) {
    const double amount = static_cast<double>(random() % 12) - 4;
    const std::string owner = absl::StrCat("o", random() % 3);
    const std::string id = absl::StrCat("d", i);
    Put(id, 999, owner);
    Put(id, amount, owner, absl::StrCat("s", random() % 3));
    deals.emplace_back(amount, owner, id);
  }
  const auto ids = [&] {
    std::vector<std::string> all;
    for (const auto& [amount, owner, id] : deals) all.push_back(id);
    return all;
  };
  std::sort(deals.begin(), deals.end());
  EXPECT_EQ(Ids("amount", "", 7), ids());
  std::stable_sort(deals.begin(), deals.end(),
                   [](const auto& a, const auto& b) { return std::get<0>(a) > std::get<0>(b); });
  EXPECT_EQ(Ids("amount desc", "", 7), ids());
  // By whatever index it is found, an answer is the same.
  for (const char* filter : {"stage = s1", "stage = s1 amount > 0", "amount = 3", "stage:*"}) {
    std::vector<std::string> in_order = Ids("amount", filter, 5);
    std::vector<std::string> by_key = Ids("", filter, 5);
    std::sort(in_order.begin(), in_order.end());
    std::sort(by_key.begin(), by_key.end());
    EXPECT_EQ(in_order, by_key) << filter;
    EXPECT_EQ(Ids("", absl::StrCat("(", filter, ") AND NOT name = y"), 50).size(), by_key.size());
  }
}

}  // namespace
}  // namespace tributary
