// Watch with a filter, and Watch over a history that was compacted, of a whole server.

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/test_server.h"
#include "tributary/generic/v1/contact.pb.h"
#include "tributary/v1/server.pb.h"

namespace tributary {
namespace {

using generic::v1::ContactChange;
using generic::v1::WatchContactsRequest;
using generic::v1::WatchContactsResponse;
using ::testing::ElementsAre;
using testing::ReasonIn;
using testing::TestServer;

constexpr char kWatch[] = "/tributary.generic.v1.ContactService/WatchContacts";
using Stream = testing::Stream<WatchContactsResponse>;

// Ends every test with the whole log compacted but for the last changes, if it writes enough.
ServerOptions KeepingFewChanges() {
  ServerOptions options;
  options.sqlite.history_max_changes = 10;
  options.sqlite.history_retention_us = 0;
  options.sqlite.late_changes_max = 3;
  return options;
}

class FilteredWatchTest : public ::testing::Test {
 protected:
  explicit FilteredWatchTest(ServerOptions options = {}) : server_(std::move(options)) {}

  int64_t Put(const std::string& id, const std::string& first_name) {
    return server_.Put("genericContact", id, {{"firstName", first_name}});
  }
  int64_t Delete(const std::string& id) { return server_.Delete("genericContact", id); }

  static std::string Text(const ContactChange& change) {
    static const char* const kSigns[] = {"?", "=", "+", "~", "-", ">", "<"};
    return kSigns[change.type()] + change.resource().id() + ":" +
           change.resource().fields().first_name() + (change.coalesced() ? "!" : "");
  }

  // Everything up to the head when the call began.
  std::vector<std::string> ToHead(WatchContactsRequest request) {
    request.set_stop_at_head(true);
    Stream stream(server_.channel(), kWatch, request);
    std::vector<std::string> seen;
    changes_.clear();
    while (stream.Read(&last_)) {
      for (const ContactChange& change : last_.changes()) {
        seen.push_back(Text(change));
        changes_.push_back(change);
      }
    }
    const grpc::Status status = stream.Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return seen;
  }

  std::string Refusal(const WatchContactsRequest& request) {
    Stream stream(server_.channel(), kWatch, request);
    EXPECT_FALSE(stream.Read(&last_));
    EXPECT_FALSE(stream.Finish().ok());
    return ReasonIn(stream.context());
  }

  static WatchContactsRequest Filtered(const std::string& filter, v1::WatchStart start) {
    WatchContactsRequest request;
    request.set_filter(filter);
    request.set_start(start);
    return request;
  }

  TestServer server_;
  WatchContactsResponse last_;
  std::vector<ContactChange> changes_;
};

TEST_F(FilteredWatchTest, TellsWhoIsCreatedEntersStaysLeavesAndIsDeleted) {
  Put("a", "Ann");
  Put("b", "Bob");
  Put("b", "Ann");
  Put("a", "Bob");
  Put("a", "Bert");
  Put("b", "Ann-Marie");
  Delete("a");
  Delete("b");
  auto request = Filtered("first_name = \"Ann*\"", v1::WATCH_START_BEGINNING);
  request.set_include_previous(true);
  EXPECT_THAT(ToHead(request),
              ElementsAre("+a:Ann", ">b:Ann", "<a:Bob", "~b:Ann-Marie", "-b:Ann-Marie"));
  EXPECT_EQ(changes_[1].previous().fields().first_name(), "Bob");
  EXPECT_EQ(changes_[2].previous().fields().first_name(), "Ann");
  EXPECT_THAT(changes_[2].changed_fields(), ElementsAre("fields.first_name"));
  EXPECT_EQ(last_.revision(), 8) << "though the last change that it saw was none of its own";
}

TEST_F(FilteredWatchTest, SnapshotsWhatMatchesAndGoesOn) {
  Put("a", "Ann");
  Put("b", "Bob");
  Stream stream(server_.channel(), kWatch, Filtered("first_name = Ann", v1::WATCH_START_SNAPSHOT));
  ASSERT_TRUE(stream.Read(&last_));
  ASSERT_EQ(last_.changes_size(), 1);
  EXPECT_EQ(Text(last_.changes(0)), "=a:Ann");
  EXPECT_TRUE(last_.snapshot_complete());
  Put("b", "Ann");
  ASSERT_TRUE(stream.Read(&last_));
  EXPECT_EQ(Text(last_.changes(0)), ">b:Ann");
}

TEST_F(FilteredWatchTest, HeartbeatsAdvanceWhileTheFilterHidesAllTraffic) {
  auto request = Filtered("first_name = Nobody", v1::WATCH_START_NOW);
  request.mutable_heartbeat_interval()->set_seconds(1);
  Stream stream(server_.channel(), kWatch, request);
  ASSERT_TRUE(stream.Read(&last_));
  for (int i = 0; i < 5; ++i) Put("a", std::to_string(i));
  while (last_.revision() < 5) {
    ASSERT_TRUE(stream.Read(&last_)) << "a heartbeat";
    EXPECT_EQ(last_.changes_size(), 0);
  }
  WatchContactsRequest resumed;
  resumed.set_filter("first_name = Nobody");
  resumed.set_resume_token(last_.resume_token());
  EXPECT_THAT(ToHead(resumed), ElementsAre());
}

TEST_F(FilteredWatchTest, AnEventFilterChoosesChanges) {
  Put("a", "Ann");
  Put("a", "Bob");
  Put("b", "Bob");
  Put("a", "Bob2");
  EXPECT_THAT(ToHead(Filtered("previous.first_name = Ann", v1::WATCH_START_BEGINNING)),
              ElementsAre("~a:Bob"));
  EXPECT_THAT(ToHead(Filtered("changed(first_name)", v1::WATCH_START_BEGINNING)),
              ElementsAre("+a:Ann", "~a:Bob", "+b:Bob", "~a:Bob2"));
}

TEST_F(FilteredWatchTest, AnEventFilterHasNoSnapshot) {
  EXPECT_EQ(Refusal(Filtered("changed(first_name)", v1::WATCH_START_UNSPECIFIED)),
            "EVENT_FILTER_NEEDS_POSITION");
  EXPECT_EQ(Refusal(Filtered("changed(first_name)", v1::WATCH_START_SNAPSHOT)),
            "EVENT_FILTER_NEEDS_POSITION");
}

TEST_F(FilteredWatchTest, ATokenIsOfItsFilter) {
  ToHead(Filtered("first_name = Ann", v1::WATCH_START_SNAPSHOT));
  WatchContactsRequest request;
  request.set_resume_token(last_.resume_token());
  EXPECT_EQ(Refusal(request), "RESUME_TOKEN_OTHER_REQUEST");
  request.set_filter("first_name = ");
  EXPECT_EQ(Refusal(request), "FILTER_INVALID");
}

class CompactedWatchTest : public FilteredWatchTest {
 protected:
  explicit CompactedWatchTest(ServerOptions options = KeepingFewChanges())
      : FilteredWatchTest(std::move(options)) {}

  // Writes until all that was there before is compacted, and forgets the window.
  void CompactAll() {
    int64_t passed = Put("filler", "0");
    v1::GetServerInfoResponse info;
    for (int i = 1; info.oldest_revision() <= passed; ++i) {
      Put("filler", std::to_string(i));
      ASSERT_TRUE(testing::Call(*server_.channel(), "/tributary.v1.ServerService/GetServerInfo",
                                v1::GetServerInfoRequest(), &info)
                      .ok());
      ASSERT_LT(i, 1000);
    }
    server_.Restart();
  }

  // What a client that applies `changes_` to `held` has of all but the filler.
  void Apply(std::map<std::string, std::string>& held) const {
    for (const ContactChange& change : changes_) {
      const std::string& id = change.resource().id();
      if (id == "filler") continue;
      const bool removes =
          change.type() == v1::CHANGE_TYPE_DELETED || change.type() == v1::CHANGE_TYPE_LEFT;
      if (removes) {
        held.erase(id);
      } else {
        held[id] = change.resource().fields().first_name();
      }
    }
  }
};

TEST_F(CompactedWatchTest, AnOldTokenGetsTheNewestStateOfWhatChangedAndThenTheTail) {
  Put("a", "Ann");
  Put("b", "Bob");
  Put("c", "Cid");
  EXPECT_EQ(ToHead({}).size(), 3u);
  std::map<std::string, std::string> held;
  Apply(held);
  WatchContactsRequest request;
  request.set_resume_token(last_.resume_token());
  for (int i = 0; i < 20; ++i) Put("a", "Ann" + std::to_string(i));
  Delete("b");
  CompactAll();
  const std::vector<std::string> seen = ToHead(request);
  Apply(held);
  EXPECT_EQ(held, (std::map<std::string, std::string>{{"a", "Ann19"}, {"c", "Cid"}}));
  EXPECT_EQ(seen.at(0), "~a:Ann19!") << "not each of the states between";
  EXPECT_THAT(seen.at(1), ::testing::MatchesRegex("-b:(Bob)?!"))
      << "the last state while it is kept";
  EXPECT_EQ(last_.revision(), last_.head_revision());
}

TEST_F(CompactedWatchTest, WhatMayHaveLeftTheFilterIsRemoved) {
  Put("a", "Ann");
  Put("b", "Ann");
  auto request = Filtered("first_name = Ann", v1::WATCH_START_SNAPSHOT);
  EXPECT_EQ(ToHead(request).size(), 2u);
  std::map<std::string, std::string> held;
  Apply(held);
  request.set_resume_token(last_.resume_token());
  Put("a", "Bob");
  Put("a", "Bert");
  Put("c", "Ann");
  CompactAll();
  ToHead(request);
  Apply(held);
  EXPECT_EQ(held, (std::map<std::string, std::string>{{"b", "Ann"}, {"c", "Ann"}}));
}

TEST_F(CompactedWatchTest, TheBeginningNeverExpires) {
  Put("a", "Ann");
  Put("a", "Ann2");
  Delete("a");
  Put("b", "Bob");
  CompactAll();
  ToHead(Filtered("", v1::WATCH_START_BEGINNING));
  std::map<std::string, std::string> held;
  Apply(held);
  EXPECT_EQ(held, (std::map<std::string, std::string>{{"b", "Bob"}}));
}

// In filters of the language, over a server whose history is short and which is restarted now and
// then: at every end of a call a client holds what the filter selects.
TEST_F(CompactedWatchTest, WhoAppliesWhatComesHoldsWhatTheFilterSelects) {
  const char* given = std::getenv("TRIBUTARY_TEST_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "seed " << seed << " (TRIBUTARY_TEST_SEED repeats it)\n";
  std::mt19937_64 random(seed);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::vector<std::string> names = {"Ann", "Anna", "Bob", "Cid"};
  struct Client {
    std::string filter;
    std::set<std::string> selected;
    std::string token = "";
    std::map<std::string, std::string> held = {};
  };
  std::vector<Client> clients = {{"first_name = \"Ann*\"", {"Ann", "Anna"}},
                                 {"NOT first_name = (Bob OR Ann)", {"Anna", "Cid"}},
                                 {"", {names.begin(), names.end()}}};
  std::map<std::string, std::string> state;
  for (int round = 0; round < 40; ++round) {
    for (size_t i = below(12); i > 0; --i) {
      const std::string id = "r" + std::to_string(below(8));
      if (state.contains(id) && below(4) == 0) {
        Delete(id);
        state.erase(id);
      } else {
        state[id] = names[below(names.size())];
        Put(id, state[id]);
      }
    }
    if (below(5) == 0) server_.Restart();
    for (Client& client : clients) {
      if (below(3) == 0) continue;
      WatchContactsRequest request;
      request.set_filter(client.filter);
      request.set_resume_token(client.token);
      ToHead(request);
      Apply(client.held);
      client.token = last_.resume_token();
      EXPECT_EQ(last_.revision(), last_.head_revision());
      std::map<std::string, std::string> selected = state;
      std::erase_if(selected,
                    [&](const auto& entry) { return !client.selected.contains(entry.second); });
      ASSERT_EQ(client.held, selected) << client.filter << " in round " << round;
    }
  }
}

ServerOptions KeepingNoTombstones() {
  ServerOptions options = KeepingFewChanges();
  options.sqlite.tombstone_retention_us = 1;
  return options;
}

class ForgetfulWatchTest : public CompactedWatchTest {
 protected:
  ForgetfulWatchTest() : CompactedWatchTest(KeepingNoTombstones()) {}
};

TEST_F(ForgetfulWatchTest, PastTheTombstonesAPositionIsExpired) {
  Put("a", "Ann");
  ToHead({});
  WatchContactsRequest by_token;
  by_token.set_resume_token(last_.resume_token());
  WatchContactsRequest by_revision;
  by_revision.set_after_revision(1);
  Delete("a");
  CompactAll();
  EXPECT_EQ(Refusal(by_token), "RESUME_TOKEN_EXPIRED");
  EXPECT_EQ(Refusal(by_revision), "RESUME_TOKEN_EXPIRED");
  ToHead(Filtered("", v1::WATCH_START_BEGINNING));
  std::map<std::string, std::string> held;
  Apply(held);
  EXPECT_TRUE(held.empty()) << "who holds nothing needs no tombstone";
}

}  // namespace
}  // namespace tributary
