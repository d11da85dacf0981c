// The client library against the whole server.

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/live_server.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/crm/v1/stage.pb.h"
#include "tributary/generic/v1/contact.pb.h"
#include "tributary/generic/v1/user.pb.h"

namespace tributary {
namespace {

using crm::v1::Opportunity;
using crm::v1::Stage;
using generic::v1::Contact;
using generic::v1::User;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::LiveServer;
using ::testing::SizeIs;

class LiveClientTest : public ::testing::Test {
 protected:
  void Put(const std::string& id, const std::string& name, const std::string& owner = "acme") {
    server_.Put("genericContact", id, R"({"firstName":")" + name + R"("})", owner);
  }

  Client<Contact> Contacts(const std::string& owner = "acme") {
    return Client<Contact>(Connect(server_.grpc_address()), {"hubspot", owner});
  }

  LiveServer server_;
};

TEST_F(LiveClientTest, GetsWhatWasPosted) {
  Put("c1", "Inès");
  const auto contact = Contacts().Get("c1");
  ASSERT_TRUE(contact.ok()) << contact.status();
  EXPECT_EQ(contact->fields().first_name(), "Inès");
}

TEST_F(LiveClientTest, TellsAbsentFromDeleted) {
  Put("c1", "Inès");
  server_.Delete("genericContact", "c1");
  EXPECT_EQ(ReasonOf(Contacts().Get("c1").status()), "RESOURCE_DELETED");
  EXPECT_EQ(MetadataOf(Contacts().Get("c1").status())["revision"], "2");
  EXPECT_EQ(ReasonOf(Contacts().Get("c2").status()), "RESOURCE_NOT_FOUND");
}

TEST_F(LiveClientTest, BatchGetsMoreThanOneCallTakes) {
  std::vector<std::string> ids;
  for (int i = 0; i < 2'500; ++i) ids.push_back("c" + std::to_string(i));
  Put("c1", "one");
  Put("c2400", "two");
  const auto batch = Contacts().BatchGet(ids);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_THAT(batch->items, SizeIs(2));
  EXPECT_THAT(batch->missing_ids, SizeIs(2'498));
}

TEST_F(LiveClientTest, ListsPageByPageAndWatchesOnWithoutAGap) {
  for (int i = 0; i < 25; ++i) Put("c" + std::to_string(100 + i), "x");
  auto list = Contacts().List({.page_size = 4});
  std::vector<std::string> ids;
  for (const Contact& contact : list) {
    ids.push_back(contact.id());
    // What is written meanwhile belongs to the watch, not to the list.
    if (ids.size() == 10) Put("c000", "late");
  }
  ASSERT_TRUE(list.status().ok()) << list.status();
  EXPECT_THAT(ids, SizeIs(25));

  auto watch = Contacts().Watch({.after_revision = list.revision(), .stop_at_head = true});
  std::vector<std::string> later;
  while (const auto batch = watch.Next()) {
    for (const auto& change : batch->changes) later.push_back(change.resource.id());
  }
  EXPECT_TRUE(watch.status().ok()) << watch.status();
  EXPECT_THAT(later, ElementsAre("c000"));
}

TEST_F(LiveClientTest, ReadsWhatWas) {
  Put("c1", "Inès");
  Put("c1", "Iris");
  const auto was = Contacts().Get("c1", {.read_revision = 1});
  ASSERT_TRUE(was.ok()) << was.status();
  EXPECT_EQ(was->fields().first_name(), "Inès");
  auto list = Contacts().List({.read_revision = 1});
  std::vector<std::string> names;
  for (const Contact& contact : list) names.push_back(contact.fields().first_name());
  EXPECT_THAT(names, ElementsAre("Inès"));
  EXPECT_EQ(list.revision(), 1);
  EXPECT_EQ(ReasonOf(Contacts().Get("c1", {.read_revision = 9}).status()), "POSITION_IN_FUTURE");
}

TEST_F(LiveClientTest, TakesExpandedResourcesOutOfReferences) {
  server_.Put("crmStage", "s1", R"({"name":"Won","type":"won"})");
  server_.Put("crmOpportunity", "d1", R"({"stage":{"id":"s1"},"owner":{"id":"nobody"}})");
  const Client<Opportunity> deals(Connect(server_.grpc_address()), {"hubspot", "acme"});
  const auto deal = deals.Get("d1", {.expand = {"stage", "owner"}});
  ASSERT_TRUE(deal.ok()) << deal.status();
  const auto stage = Expanded<Stage>(deal->fields().stage());
  ASSERT_TRUE(stage.has_value());
  EXPECT_EQ(stage->fields().name(), "Won");
  const MessagePtr same = ExpandedResource(deal->fields().stage());
  ASSERT_NE(same, nullptr);
  EXPECT_EQ(same->SerializeAsString(), stage->SerializeAsString());

  EXPECT_FALSE(Expanded<Contact>(deal->fields().stage()).has_value()) << "it is another model";
  EXPECT_FALSE(Expanded<User>(deal->fields().owner()).has_value()) << "it is not there";
  EXPECT_EQ(ExpandedResource(deal->fields().owner()), nullptr);
  const auto plain = deals.Get("d1");
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(Expanded<Stage>(plain->fields().stage()).has_value()) << "nobody asked for it";
}

TEST(Reference, OfAModelThatIsNotKnownHereHoldsNothing) {
  v1::ResourceRef ref;
  ref.mutable_resource()->set_type_url("type.googleapis.com/tributary.crm.v1.Newer");
  EXPECT_EQ(ExpandedResource(ref), nullptr);
  ref.mutable_resource()->set_type_url("type.googleapis.com/tributary.crm.v1.Stage");
  ref.mutable_resource()->set_value("\xFF");
  EXPECT_EQ(ExpandedResource(ref), nullptr);
  EXPECT_FALSE(Expanded<Stage>(ref).has_value());
}

TEST_F(LiveClientTest, ListSaysWhatTheServerRefuses) {
  auto list = Contacts().List({.filter = "x = 1"});
  EXPECT_EQ(list.begin(), list.end());
  EXPECT_EQ(ReasonOf(list.status()), "FILTER_INVALID");
  EXPECT_THAT(ViolationsOf(list.status()), SizeIs(1));
}

TEST_F(LiveClientTest, WatchEndsOnATokenThatIsNone) {
  auto watch = Contacts().Watch({.resume_token = "garbage"});
  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_EQ(ReasonOf(watch.status()), "RESUME_TOKEN_MALFORMED");
}

TEST_F(LiveClientTest, WatchShowsChangesWithWhatBelongsToThem) {
  auto watch = Contacts().Watch({.start = v1::WATCH_START_NOW, .include_previous = true});
  ASSERT_TRUE(watch.Next().has_value()) << "the first heartbeat";
  Put("c1", "Inès");
  Put("c1", "Iris");
  server_.Delete("genericContact", "c1");
  std::vector<TypedChange<Contact>> changes;
  while (changes.size() < 3) {
    auto batch = watch.Next();
    ASSERT_TRUE(batch.has_value()) << watch.status();
    for (auto& change : batch->changes) changes.push_back(std::move(change));
  }
  EXPECT_EQ(changes[0].type, v1::CHANGE_TYPE_CREATED);
  EXPECT_FALSE(changes[0].previous.has_value());
  EXPECT_EQ(changes[1].type, v1::CHANGE_TYPE_UPDATED);
  EXPECT_EQ(changes[1].previous->fields().first_name(), "Inès");
  EXPECT_THAT(changes[1].changed_fields, ElementsAre("fields.first_name"));
  EXPECT_TRUE(changes[1].committed_at.has_value());
  EXPECT_TRUE(changes[2].removes());
  EXPECT_EQ(changes[2].revision, 3);
}

TEST_F(LiveClientTest, AWatchOutlivesRestartsOfTheServerAndMissesNothing) {
  constexpr int kRounds = 5;
  constexpr int kChangesPerRound = 20;
  WatchOptions options;
  options.heartbeat_interval = absl::Seconds(1);
  std::atomic<int> reconnects = 0;
  options.on_retry = [&](const absl::Status&, absl::Duration) { ++reconnects; };
  auto watch = Contacts().Watch(options);
  std::thread writer([&] {
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < kChangesPerRound; ++i)
        Put("c1", std::to_string(round * kChangesPerRound + i));
      if (round + 1 < kRounds) server_.Restart();
    }
  });
  // Whether the first ones come as a snapshot or as changes depends on who was first: the last name
  // counts.
  std::vector<int64_t> revisions;
  std::string name;
  while (name != std::to_string(kRounds * kChangesPerRound - 1)) {
    const auto batch = watch.Next();
    ASSERT_TRUE(batch.has_value()) << watch.status();
    for (const auto& change : batch->changes) {
      name = change.resource.fields().first_name();
      revisions.push_back(change.revision);
    }
  }
  writer.join();
  EXPECT_GE(reconnects, 1);
  for (size_t i = 1; i < revisions.size(); ++i) EXPECT_EQ(revisions[i], revisions[i - 1] + 1);
}

TEST_F(LiveClientTest, TheFirstRunAndEveryLaterOneAreOneRequest) {
  std::string token;
  std::map<std::string, std::string> held;
  for (int run = 0; run < 5; ++run) {
    Put("c" + std::to_string(run % 2), "run " + std::to_string(run));
    auto watch = Contacts().Watch({.resume_token = token, .stop_at_head = true});
    while (const auto batch = watch.Next()) {
      for (const auto& change : batch->changes) {
        held[change.resource.id()] = change.resource.fields().first_name();
      }
      token = batch->resume_token;
    }
    ASSERT_TRUE(watch.status().ok()) << watch.status();
  }
  EXPECT_THAT(held, ElementsAre(std::pair("c0", "run 4"), std::pair("c1", "run 3")));
}

}  // namespace
}  // namespace tributary
