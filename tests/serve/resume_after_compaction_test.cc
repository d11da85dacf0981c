// A token as old as the store, after far more changes than there are resources and than history
// holds: it resumes to what a List shows, and is sent what changed, not what happened.
//
// TRIBUTARY_TEST_CHANGES=1000000 makes so many changes, and takes minutes.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/test_server.h"
#include "tributary/generic/v1/contact.pb.h"

namespace tributary {
namespace {

using generic::v1::Contact;
using generic::v1::ContactChange;
using generic::v1::ListContactsRequest;
using generic::v1::ListContactsResponse;
using generic::v1::WatchContactsRequest;
using generic::v1::WatchContactsResponse;
using testing::TestServer;

constexpr char kWatch[] = "/tributary.generic.v1.ContactService/WatchContacts";
constexpr char kList[] = "/tributary.generic.v1.ContactService/ListContacts";

constexpr int kResources = 200;
constexpr int kChanged = 120;  // of these, over and over
constexpr int kChanges = 3'600;
constexpr int kWriters = 8;

int Rounds() {
  const char* changes = std::getenv("TRIBUTARY_TEST_CHANGES");
  return (changes == nullptr ? kChanges : std::atoi(changes)) / kChanged;
}

ServerOptions KeepingFewChanges() {
  ServerOptions options;
  options.sqlite.history_max_changes = 100;
  options.sqlite.late_changes_max = 256;
  return options;
}

class ResumeAfterCompactionTest : public ::testing::Test {
 protected:
  // Each id below `ids` once, by several writers.
  void PutEach(int ids, int round) {
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        testing::HttpClient client(server_.server().http_port());
        for (int id = writer; id < ids; id += kWriters) {
          const nlohmann::json fields = {
              {"firstName", std::to_string(round)},
              {"note", std::string(2000, static_cast<char>('a' + round % 26))}};
          const auto reply =
              client.Ask(testing::Webhook(TestServer::Body("genericContact", "updated",
                                                           std::to_string(id), fields),
                                          "key-" + std::to_string(id) + "-" + std::to_string(round))
                             .Set("x-owner-id", "acme")
                             .Text());
          ASSERT_TRUE(reply.has_value());
          EXPECT_EQ(reply->status, 200) << reply->body;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
  }

  struct Received {
    std::map<std::string, Contact> resources;
    size_t bytes = 0;
    WatchContactsResponse last;
  };
  // Everything up to the head, on top of `held`.
  Received ToHead(const std::string& token, std::map<std::string, Contact> held = {}) {
    Received received{std::move(held), 0, {}};
    WatchContactsRequest request;
    request.set_resume_token(token);
    request.set_stop_at_head(true);
    testing::Stream<WatchContactsResponse> stream(server_.channel(), kWatch, request);
    while (stream.Read(&received.last)) {
      received.bytes += received.last.ByteSizeLong();
      for (const ContactChange& change : received.last.changes()) {
        if (change.type() == v1::CHANGE_TYPE_DELETED) {
          received.resources.erase(change.resource().id());
        } else {
          received.resources[change.resource().id()] = change.resource();
        }
      }
    }
    EXPECT_TRUE(stream.Finish().ok());
    return received;
  }

  std::map<std::string, Contact> ListAll() {
    ListContactsRequest request;
    request.set_page_size(1000);
    ListContactsResponse response;
    EXPECT_TRUE(testing::Call(*server_.channel(), kList, request, &response).ok());
    EXPECT_EQ(response.next_page_token(), "");
    std::map<std::string, Contact> listed;
    for (const Contact& contact : response.contacts()) listed[contact.id()] = contact;
    return listed;
  }

  // The first `changed` ids are what changed since `held` at `token`.
  void ExpectResumes(const std::string& token, std::map<std::string, Contact> held, int changed) {
    const auto begin = std::chrono::steady_clock::now();
    const Received resumed = ToHead(token, std::move(held));
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begin);
    EXPECT_EQ(resumed.last.revision(), resumed.last.head_revision());
    const std::map<std::string, Contact> listed = ListAll();
    ASSERT_EQ(resumed.resources.size(), listed.size());
    size_t changed_bytes = 0;
    for (const auto& [id, contact] : listed) {
      EXPECT_EQ(resumed.resources.at(id).SerializeAsString(), contact.SerializeAsString());
      if (std::stoi(id) < changed) changed_bytes += contact.ByteSizeLong();
    }
    EXPECT_LE(resumed.bytes, 3 * changed_bytes);
    std::cout << "head " << resumed.last.revision() << ": " << changed << " resources of "
              << changed_bytes << " bytes had changed, " << resumed.bytes << " bytes were sent in "
              << took.count() << " us\n";
  }

  TestServer server_{KeepingFewChanges()};
};

TEST_F(ResumeAfterCompactionTest, IsSentWhatChangedAndEndsWithWhatAListShows) {
  PutEach(1, 0);
  const Received oldest = ToHead("");
  PutEach(kResources, 0);
  const Received first = ToHead("");
  for (int round = 1; round <= Rounds(); ++round) PutEach(kChanged, round);
  server_.Restart();  // so that what is sent comes from the disk

  ExpectResumes(first.last.resume_token(), first.resources, kChanged);
  ExpectResumes(oldest.last.resume_token(), oldest.resources, kResources);
}

}  // namespace
}  // namespace tributary
