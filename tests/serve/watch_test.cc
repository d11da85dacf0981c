// Watch of a whole server, over real sockets.

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/test_server.h"
#include "tributary/generic/v1/contact.pb.h"

namespace tributary {
namespace {

using generic::v1::ContactChange;
using generic::v1::WatchContactsRequest;
using generic::v1::WatchContactsResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ReasonIn;
using testing::TestServer;

constexpr char kWatch[] = "/tributary.generic.v1.ContactService/WatchContacts";
using Stream = testing::Stream<WatchContactsResponse>;

class WatchTest : public ::testing::Test {
 protected:
  int64_t Put(const std::string& id, const std::string& first_name,
              const std::string& owner = "acme") {
    return server_.Put("genericContact", id, {{"firstName", first_name}}, owner);
  }
  int64_t Delete(const std::string& id) { return server_.Delete("genericContact", id); }

  static std::string Text(const ContactChange& change) {
    static const char* const kSigns[] = {"?", "=", "+", "~", "-"};
    return kSigns[change.type()] + change.resource().id() + ":" +
           change.resource().fields().first_name() + "@" + std::to_string(change.revision());
  }

  // Reads until `count` changes came; the last response is left in last_.
  std::vector<std::string> Take(Stream& stream, size_t count) {
    std::vector<std::string> seen;
    while (seen.size() < count && stream.Read(&last_)) {
      for (const ContactChange& change : last_.changes()) {
        seen.push_back(Text(change));
        last_change_ = change;
      }
    }
    return seen;
  }

  // Everything up to the head when the call began.
  std::vector<std::string> ToHead(WatchContactsRequest request) {
    request.set_stop_at_head(true);
    Stream stream(server_.channel(), kWatch, request);
    std::vector<std::string> seen = Take(stream, SIZE_MAX);
    const grpc::Status status = stream.Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return seen;
  }

  // The reason with which the call is refused; its code in code_.
  std::string Refusal(const WatchContactsRequest& request) {
    Stream stream(server_.channel(), kWatch, request);
    EXPECT_FALSE(stream.Read(&last_));
    const grpc::Status status = stream.Finish();
    code_ = status.error_code();
    return ReasonIn(stream.context());
  }

  static WatchContactsRequest From(v1::WatchStart start) {
    WatchContactsRequest request;
    request.set_start(start);
    return request;
  }

  TestServer server_;
  WatchContactsResponse last_;
  ContactChange last_change_;
  grpc::StatusCode code_ = grpc::StatusCode::OK;
};

TEST_F(WatchTest, SendsWhatExistsAndThenWhatChanges) {
  Put("b", "B");
  Put("a", "A");
  Stream stream(server_.channel(), kWatch, WatchContactsRequest());
  EXPECT_THAT(Take(stream, 2), ElementsAre("=a:A@2", "=b:B@1"));
  EXPECT_TRUE(last_.snapshot_complete());
  EXPECT_EQ(last_.revision(), 2);
  Put("a", "A2");
  EXPECT_THAT(Take(stream, 1), ElementsAre("~a:A2@3"));
  EXPECT_THAT(last_change_.changed_fields(), ElementsAre("fields.first_name"));
  EXPECT_FALSE(last_.snapshot_complete());
  EXPECT_EQ(last_.head_revision(), 3);
  Delete("b");
  EXPECT_THAT(Take(stream, 1), ElementsAre("-b:B@4"));
  EXPECT_EQ(last_change_.resource().revision(), 1) << "the revision of the last state";
}

TEST_F(WatchTest, AnEmptySnapshotIsCompleteAtOnce) {
  Stream stream(server_.channel(), kWatch, WatchContactsRequest());
  ASSERT_TRUE(stream.Read(&last_));
  EXPECT_TRUE(last_.snapshot_complete());
  EXPECT_NE(last_.resume_token(), "");
}

TEST_F(WatchTest, NowSaysAtOnceWhereItStarts) {
  Put("a", "A");
  Stream stream(server_.channel(), kWatch, From(v1::WATCH_START_NOW));
  ASSERT_TRUE(stream.Read(&last_));
  EXPECT_EQ(last_.changes_size(), 0);
  EXPECT_EQ(last_.revision(), 1);
  Put("a", "A2");
  EXPECT_THAT(Take(stream, 1), ElementsAre("~a:A2@2"));
}

TEST_F(WatchTest, BeginningAndAfterRevisionReplayTheLog) {
  Put("a", "A");
  Put("a", "A2");
  Delete("a");
  EXPECT_THAT(ToHead(From(v1::WATCH_START_BEGINNING)), ElementsAre("+a:A@1", "~a:A2@2", "-a:A2@3"));
  WatchContactsRequest request;
  request.set_after_revision(0);
  EXPECT_EQ(ToHead(request).size(), 3u);
  request.set_after_revision(2);
  EXPECT_THAT(ToHead(request), ElementsAre("-a:A2@3"));
  request.set_after_revision(3);
  EXPECT_THAT(ToHead(request), ElementsAre());
}

TEST_F(WatchTest, ADeletionOfWhatWasNeverThereReachesNobody) {
  EXPECT_EQ(Delete("ghost"), 1) << "it takes a revision";
  EXPECT_THAT(ToHead(From(v1::WATCH_START_BEGINNING)), ElementsAre());
  EXPECT_EQ(last_.revision(), 1);
}

TEST_F(WatchTest, EndsAtTheHeadOfTheCallThoughMoreComes) {
  Put("a", "A");
  auto request = From(v1::WATCH_START_BEGINNING);
  request.set_stop_at_head(true);
  Stream stream(server_.channel(), kWatch, request);
  EXPECT_THAT(Take(stream, 1), ElementsAre("+a:A@1"));
  Put("a", "A2");
  EXPECT_FALSE(stream.Read(&last_));
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(WatchTest, NarrowsToAConnectorAndAnOwner) {
  Put("a", "A");
  Put("g", "G", "globex");
  auto request = From(v1::WATCH_START_BEGINNING);
  request.set_owner_id("globex");
  EXPECT_THAT(ToHead(request), ElementsAre("+g:G@2"));
  request.set_connector_id("pipedrive");
  EXPECT_THAT(ToHead(request), ElementsAre());
}

TEST_F(WatchTest, ResumesAfterTheLastTokenAlsoInTheMiddleOfASnapshot) {
  constexpr int kContacts = 2'500;
  for (int i = 0; i < kContacts; ++i) Put("c" + std::to_string(100'000 + i), "x");
  std::vector<std::string> seen;
  WatchContactsRequest request;
  int streams = 0;
  bool complete = false;
  while (!complete) {
    Stream stream(server_.channel(), kWatch, request);
    ASSERT_TRUE(stream.Read(&last_));  // one response, then the connection is dropped
    for (const ContactChange& change : last_.changes()) seen.push_back(change.resource().id());
    complete = last_.snapshot_complete();
    request.set_resume_token(last_.resume_token());
    if (++streams == 1) Put("c100000", "changed meanwhile");
  }
  EXPECT_GT(streams, 2);
  ASSERT_EQ(seen.size(), static_cast<size_t>(kContacts));
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_THAT(ToHead(request),
              ElementsAre("~c100000:changed meanwhile@" + std::to_string(kContacts + 1)));
}

TEST_F(WatchTest, TokensSurviveARestartOfTheServer) {
  Put("a", "A");
  ToHead(WatchContactsRequest());
  WatchContactsRequest request;
  request.set_resume_token(last_.resume_token());
  server_.Restart();
  Put("a", "A2");
  EXPECT_THAT(ToHead(request), ElementsAre("~a:A2@2"));
}

TEST_F(WatchTest, WhoCatchesUpFromDiskIsSentEachChangeOnceWhereverItBreaksOff) {
  constexpr int kChanges = 60;  // some ten to a response
  for (int i = 0; i < kChanges; ++i) {
    server_.Put("genericContact", "big", {{"note", std::string(100'000, 'a' + i % 26)}, {"n", i}});
  }
  server_.Restart();  // nothing of it is in memory any more, so pages are read ahead
  int streams = 0;
  for (int reads = 1; reads <= 4; ++reads) {
    WatchContactsRequest request = From(v1::WATCH_START_BEGINNING);
    request.set_stop_at_head(true);
    int next = 0;
    while (next < kChanges) {
      Stream stream(server_.channel(), kWatch, request, 60);
      ++streams;
      for (int read = 0; read < reads && next < kChanges; ++read) {
        ASSERT_TRUE(stream.Read(&last_));
        for (const ContactChange& change : last_.changes()) {
          EXPECT_EQ(change.resource().custom_fields().at("n").number_value(), next++);
        }
      }
      request.set_resume_token(last_.resume_token());
    }
    EXPECT_THAT(ToHead(request), ElementsAre());
  }
  EXPECT_GT(streams, 8);
}

TEST_F(WatchTest, RefusesATokenThatIsNotOfThisRequestOrStore) {
  Put("a", "A");
  ToHead(WatchContactsRequest());
  const std::string token = last_.resume_token();
  WatchContactsRequest request;
  request.set_resume_token("not-a-token");
  EXPECT_EQ(Refusal(request), "RESUME_TOKEN_MALFORMED");
  EXPECT_EQ(code_, grpc::StatusCode::INVALID_ARGUMENT);
  request.set_resume_token(token);
  request.set_owner_id("acme");
  EXPECT_EQ(Refusal(request), "RESUME_TOKEN_OTHER_REQUEST");
  TestServer other;
  Stream stream(other.channel(), kWatch, [&] {
    WatchContactsRequest same;
    same.set_resume_token(token);
    return same;
  }());
  EXPECT_FALSE(stream.Read(&last_));
  EXPECT_FALSE(stream.Finish().ok());
  EXPECT_EQ(ReasonIn(stream.context()), "RESUME_TOKEN_OTHER_STORE");
}

TEST_F(WatchTest, RefusesAPositionInTheFuture) {
  Put("a", "A");
  WatchContactsRequest request;
  request.set_after_revision(2);
  EXPECT_EQ(Refusal(request), "POSITION_IN_FUTURE");
  EXPECT_EQ(code_, grpc::StatusCode::OUT_OF_RANGE);
  request.set_after_revision(-1);
  EXPECT_EQ(Refusal(request), "ARGUMENT_INVALID");
}

TEST_F(WatchTest, RefusesFaultyFiltersAndHeartbeatsOutOfRange) {
  WatchContactsRequest request;
  request.set_filter("x = 1");
  EXPECT_EQ(Refusal(request), "FILTER_INVALID");
  request.clear_filter();
  request.mutable_heartbeat_interval()->set_nanos(999'000'000);
  EXPECT_EQ(Refusal(request), "ARGUMENT_INVALID");
  request.mutable_heartbeat_interval()->set_seconds(301);
  EXPECT_EQ(Refusal(request), "ARGUMENT_INVALID");
}

TEST_F(WatchTest, HeartbeatsAdvanceTheBookmarkWhileOthersAreBusy) {
  auto request = From(v1::WATCH_START_NOW);
  request.set_owner_id("quiet");
  request.mutable_heartbeat_interval()->set_seconds(1);
  Stream stream(server_.channel(), kWatch, request);
  ASSERT_TRUE(stream.Read(&last_));
  EXPECT_EQ(last_.revision(), 0);
  for (int i = 0; i < 5; ++i) Put("a", std::to_string(i));
  ASSERT_TRUE(stream.Read(&last_)) << "a heartbeat";
  EXPECT_EQ(last_.changes_size(), 0);
  EXPECT_EQ(last_.revision(), 5);
  EXPECT_EQ(last_.head_revision(), 5);
  WatchContactsRequest resumed;
  resumed.set_owner_id("quiet");
  resumed.set_resume_token(last_.resume_token());
  EXPECT_THAT(ToHead(resumed), ElementsAre());
}

TEST_F(WatchTest, SendsThePreviousStateWhereItIsAskedFor) {
  Put("a", "A");
  Put("a", "A2");
  auto request = From(v1::WATCH_START_BEGINNING);
  request.set_include_previous(true);
  EXPECT_EQ(ToHead(request).size(), 2u);
  EXPECT_EQ(last_change_.previous().fields().first_name(), "A");
  EXPECT_EQ(last_change_.previous().revision(), 1);
  EXPECT_NE(last_change_.delivery_id(), "");
  EXPECT_GT(last_change_.committed_at().seconds(), 0);
  EXPECT_GT(last_change_.received_at().seconds(), 0);
}

TEST_F(WatchTest, AStalledWatcherHoldsUpNobodyAndCatchesUp) {
  Stream stalled(server_.channel(), kWatch, From(v1::WATCH_START_NOW), 60);
  ASSERT_TRUE(stalled.Read(&last_));
  constexpr int kChanges = 400;
  for (int i = 0; i < kChanges; ++i) {
    server_.Put("genericContact", "big", {{"note", std::string(100'000, 'a' + i % 26)}, {"n", i}});
  }
  int64_t last_revision = 0;
  for (int i = 0; i < kChanges;) {
    ASSERT_TRUE(stalled.Read(&last_));
    for (const ContactChange& change : last_.changes()) {
      EXPECT_EQ(change.resource().custom_fields().at("n").number_value(), i++);
      EXPECT_GT(change.revision(), std::exchange(last_revision, change.revision()));
    }
  }
}

TEST_F(WatchTest, DrainingEndsEveryStreamWithAReasonToReconnect) {
  Put("a", "A");
  Stream stream(server_.channel(), kWatch, WatchContactsRequest());
  EXPECT_THAT(Take(stream, 1), ElementsAre("=a:A@1"));
  std::thread draining([&] { server_.server().Drain(); });
  while (stream.Read(&last_)) {
  }
  const grpc::Status status = stream.Finish();
  draining.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(stream.context()), "SERVER_DRAINING");
  EXPECT_THAT(status.error_details(), HasSubstr("RetryInfo"));
}

TEST(WatchBounds, PastTheNumberOfStreamsANewOneIsRefused) {
  ServerOptions options;
  options.grpc.streams_max = 1;
  TestServer server(options);
  WatchContactsResponse response;
  Stream first(server.channel(), kWatch, WatchContactsRequest());
  ASSERT_TRUE(first.Read(&response));
  Stream second(server.channel(), kWatch, WatchContactsRequest());
  EXPECT_FALSE(second.Read(&response));
  EXPECT_EQ(second.Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(second.context()), "OVERLOADED");
}

TEST(WatchBounds, DrainingDoesNotWaitForWhoTakesNothing) {
  ServerOptions options;
  options.drain_timeout = std::chrono::milliseconds(5'000);
  TestServer server(options);
  Stream stalled(server.channel(), kWatch, WatchContactsRequest(), 60);
  for (int i = 0; i < 200; ++i) {
    server.Put("genericContact", "big", {{"note", std::string(200'000, 'n')}, {"n", i}});
  }
  const auto begin = std::chrono::steady_clock::now();
  server.server().Drain();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

}  // namespace
}  // namespace tributary
