// Pages of List of a whole server, over real sockets.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/serve/token.h"
#include "tests/serve/server_fixture.h"

namespace tributary {
namespace {

using testing::Call;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kList;
using testing::ReasonIn;
using testing::ServerTest;

TEST_F(ServerTest, ListPagesInKeyOrderAndNarrows) {
  for (const char* id : {"b", "a", "C", "\xc3\xa9", "a0"}) Put(id, "x");
  Put("z", "x", "globex");
  generic::v1::ListContactsRequest request;
  request.set_page_size(2);
  int pages = 0;
  EXPECT_THAT(ListAll(request, &pages), ElementsAre("C", "a", "a0", "b", "\xc3\xa9", "z"));
  EXPECT_GE(pages, 3);
  request.set_owner_id("globex");
  EXPECT_THAT(ListAll(request), ElementsAre("z"));
  request.set_connector_id("pipedrive");
  EXPECT_THAT(ListAll(request), IsEmpty());
}

TEST_F(ServerTest, PagesOfOneListShowOneRevisionWhileWritesGoOn) {
  for (const char* id : {"a", "b", "c", "d"}) Put(id, "old");
  generic::v1::ListContactsRequest request;
  request.set_page_size(2);
  generic::v1::ListContactsResponse first;
  ASSERT_TRUE(Call(*server_.channel(), kList, request, &first).ok());
  Put("c", "new");
  Put("b2", "new");
  server_.Delete("genericContact", "d");
  request.set_page_token(first.next_page_token());
  request.set_page_size(100);
  generic::v1::ListContactsResponse second;
  ASSERT_TRUE(Call(*server_.channel(), kList, request, &second).ok());
  ASSERT_EQ(second.contacts_size(), 2);
  EXPECT_EQ(second.contacts(0).fields().first_name(), "old");
  EXPECT_EQ(second.contacts(1).id(), "d");
  EXPECT_EQ(second.revision(), first.revision());
}

TEST_F(ServerTest, PagesStayUnderTheSizeThatClientsTake) {
  for (int i = 0; i < 6; ++i) {
    server_.Put("genericContact", std::to_string(i), {{"note", std::string(900'000, 'n')}});
  }
  generic::v1::ListContactsRequest request;
  int pages = 0;
  EXPECT_EQ(ListAll(request, &pages).size(), 6u);  // the client's default limit is 4 MiB
  EXPECT_GE(pages, 3);
}

TEST_F(ServerTest, PageTokensAreRefusedForOtherArgumentsOrWhenGarbled) {
  for (const char* id : {"a", "b", "c"}) Put(id, "x");
  generic::v1::ListContactsRequest request;
  request.set_page_size(1);
  generic::v1::ListContactsResponse response;
  ASSERT_TRUE(Call(*server_.channel(), kList, request, &response).ok());
  const std::string token = response.next_page_token();
  const auto reason = [&](generic::v1::ListContactsRequest with) {
    grpc::ClientContext context;
    EXPECT_EQ(Call(*server_.channel(), kList, with, &response, &context).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
    return ReasonIn(context);
  };
  request.set_page_token(token);
  auto other = request;
  other.set_owner_id("globex");
  EXPECT_EQ(reason(other), "PAGE_TOKEN_MISMATCH");
  other = request;
  other.set_page_token(token + "A");
  EXPECT_EQ(reason(other), "PAGE_TOKEN_MALFORMED");
  other = request;
  other.set_page_size(-1);
  EXPECT_EQ(reason(other), "ARGUMENT_INVALID");
  other = request;
  other.set_filter("first_name = \"x\"");
  EXPECT_EQ(reason(other), "PAGE_TOKEN_MISMATCH");
  other.set_filter("first_nam = \"x\"");
  EXPECT_EQ(reason(other), "FILTER_INVALID");
  other = request;
  other.set_order_by("updated_at");
  EXPECT_EQ(reason(other), "PAGE_TOKEN_MISMATCH");
  for (const char* order : {"amount", "fields.id", "updated_at up", "updated_at, created_at"}) {
    other.set_order_by(order);
    EXPECT_EQ(reason(other), "ARGUMENT_INVALID") << order;
  }
  for (const char* order : {"first_name", "firstName desc", "fields.first_name", "id"}) {
    other.set_order_by(order);
    EXPECT_EQ(reason(other), "ARGUMENT_NOT_SUPPORTED") << order;
  }
}

TEST_F(ServerTest, APageTokenOfARevisionThatIsNotThereHasExpired) {
  Put("a", "x");
  const TokenBinding binding{server_.server().store_id(), {{"genericContact"}, "", ""}, "", ""};
  generic::v1::ListContactsRequest request;
  request.set_page_token(
      EncodePageToken(binding, {99, {"genericContact", "hubspot", "acme", "a"}}));
  grpc::ClientContext context;
  generic::v1::ListContactsResponse response;
  const grpc::Status status = Call(*server_.channel(), kList, request, &response, &context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReasonIn(context), "PAGE_TOKEN_EXPIRED");
}

}  // namespace
}  // namespace tributary
