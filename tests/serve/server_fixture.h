#pragma once

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/test_server.h"
#include "tributary/generic/v1/contact.pb.h"

namespace tributary::testing {

inline constexpr char kGet[] = "/tributary.generic.v1.ContactService/GetContact";
inline constexpr char kBatchGet[] = "/tributary.generic.v1.ContactService/BatchGetContacts";
inline constexpr char kList[] = "/tributary.generic.v1.ContactService/ListContacts";

class ServerTest : public ::testing::Test {
 protected:
  void Put(const std::string& id, const std::string& first_name,
           const std::string& owner = "acme") {
    server_.Put("genericContact", id, {{"firstName", first_name}}, owner);
  }

  generic::v1::GetContactRequest Named(const std::string& id) {
    generic::v1::GetContactRequest request;
    request.set_connector_id("hubspot");
    request.set_owner_id("acme");
    request.set_id(id);
    return request;
  }

  // Every page of the list, as ids; `pages` counts them.
  std::vector<std::string> ListAll(generic::v1::ListContactsRequest request, int* pages = nullptr) {
    std::vector<std::string> ids;
    std::set<int64_t> revisions;
    do {
      generic::v1::ListContactsResponse response;
      const grpc::Status status = Call(*server_.channel(), kList, request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const generic::v1::Contact& contact : response.contacts()) ids.push_back(contact.id());
      revisions.insert(response.revision());
      request.set_page_token(response.next_page_token());
      if (pages != nullptr) ++*pages;
    } while (!request.page_token().empty());
    EXPECT_EQ(revisions.size(), 1u) << "every page names the revision of the first";
    return ids;
  }

  TestServer server_;
};

}  // namespace tributary::testing
