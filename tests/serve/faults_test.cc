// What senders, readers and watchers see of a whole server whose disk or clock fails, over real
// sockets. What the store does about it is tested in tests/store.

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/exposition_reader.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/faulty_disk.h"
#include "tests/testing/test_server.h"
#include "tributary/generic/v1/contact.pb.h"

namespace tributary {
namespace {

using generic::v1::Contact;
using generic::v1::GetContactRequest;
using generic::v1::ListContactsRequest;
using generic::v1::ListContactsResponse;
using generic::v1::WatchContactsRequest;
using generic::v1::WatchContactsResponse;
using testing::Call;
using testing::ExpositionReader;
using testing::FakeClock;
using testing::FaultyDisk;
using testing::Get;
using ::testing::HasSubstr;
using testing::HttpClient;
using testing::HttpReply;
using testing::HttpRequest;
using ::testing::Not;
using testing::TempDir;
using testing::TestServer;
using testing::Webhook;

constexpr char kService[] = "/tributary.generic.v1.ContactService/";
using Stream = testing::Stream<WatchContactsResponse>;

std::string ContactBody(const std::string& id, const std::string& first_name,
                        const std::string& updated_at = "") {
  nlohmann::json data = {{"object", "resource"},
                         {"model", "genericContact"},
                         {"id", id},
                         {"fields", {{"firstName", first_name}}}};
  if (!updated_at.empty()) data["updatedAt"] = updated_at;
  return nlohmann::json{{"event", "genericContact::updated"}, {"data", data}}.dump();
}

HttpReply AskOf(int port, const HttpRequest& request) {
  HttpClient client(port);
  const auto reply = client.Ask(request.Text());
  EXPECT_TRUE(reply.has_value()) << "no answer to " << request.Head();
  return reply.value_or(HttpReply{});
}

class FaultsTest : public ::testing::Test {
 protected:
  FaultsTest() {
    FaultyDisk::Mend();
    ServerOptions options;
    options.sqlite.reopen_pause = std::chrono::milliseconds(1);
    server_.emplace(options);
  }
  ~FaultsTest() override {
    FaultyDisk::Mend();
    server_.reset();
  }

  HttpReply Ask(const HttpRequest& request) {
    return AskOf(server_->server().http_port(), request);
  }
  HttpReply Post(const std::string& id, const std::string& first_name) {
    return Ask(Webhook(ContactBody(id, first_name), "key-" + id + first_name));
  }
  // As a source does: again, until it is acknowledged; the answer.
  HttpReply PostUntilAcknowledged(const std::string& id, const std::string& first_name) {
    const auto deadline = std::chrono::steady_clock::now() + HttpClient::kPatience;
    for (;;) {
      HttpReply reply = Post(id, first_name);
      if (reply.status == 200 || std::chrono::steady_clock::now() > deadline) return reply;
      EXPECT_EQ(reply.status, 503);
    }
  }
  // "Name", or the reason why it can't be told.
  std::string FirstNameOf(const std::string& id) {
    GetContactRequest request;
    request.set_connector_id("hubspot");
    request.set_owner_id("acme");
    request.set_id(id);
    Contact contact;
    grpc::ClientContext context;
    const grpc::Status status = Call(*server_->channel(), std::string(kService) + "GetContact",
                                     request, &contact, &context);
    return status.ok() ? contact.fields().first_name() : testing::ReasonIn(context);
  }
  int Listed() {
    ListContactsResponse response;
    const grpc::Status status = Call(*server_->channel(), std::string(kService) + "ListContacts",
                                     ListContactsRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.contacts_size();
  }
  std::unique_ptr<Stream> Watch() {
    WatchContactsRequest request;
    request.set_start(v1::WATCH_START_BEGINNING);
    request.mutable_heartbeat_interval()->set_seconds(1);
    return std::make_unique<Stream>(server_->channel(), std::string(kService) + "WatchContacts",
                                    request, 60);
  }
  // Reads until the change of `revision` has come, each one once and in order.
  static void ReadUntil(Stream& stream, int64_t revision, int64_t& seen) {
    WatchContactsResponse response;
    while (seen < revision && stream.Read(&response)) {
      for (const auto& change : response.changes()) EXPECT_EQ(change.revision(), ++seen);
    }
    EXPECT_EQ(seen, revision);
  }

  static void ExpectRefused(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(reply.Header("content-type"), "application/problem+json");
    EXPECT_EQ(reply.Json()["reason"], "STORE_UNAVAILABLE");
    EXPECT_FALSE(reply.Header("retry-after").empty());
    EXPECT_THAT(reply.body, Not(HasSubstr("/tmp")));
  }

  std::optional<TestServer> server_;
};

TEST_F(FaultsTest, AFullDiskIs503AndReadsAndWatchesGoOnUntilThereIsRoom) {
  auto stream = Watch();
  int64_t seen = 0;
  EXPECT_EQ(Post("a", "Ada").status, 200);
  ReadUntil(*stream, 1, seen);

  FaultyDisk::FillUp();
  for (int i = 0; i < 5; ++i) ExpectRefused(Post("b", "Bob"));
  EXPECT_THAT(Post("b", "Bob").Json()["detail"].get<std::string>(), HasSubstr("the disk is full"));
  EXPECT_EQ(FirstNameOf("a"), "Ada");
  EXPECT_EQ(FirstNameOf("b"), "RESOURCE_NOT_FOUND");
  EXPECT_EQ(Listed(), 1);
  WatchContactsResponse heartbeat;
  ASSERT_TRUE(stream->Read(&heartbeat));
  EXPECT_EQ(heartbeat.changes_size(), 0);
  EXPECT_EQ(heartbeat.revision(), 1);
  EXPECT_EQ(Ask(Get("/readyz")).status, 200) << "it serves";
  EXPECT_EQ(ExpositionReader(Ask(Get("/metrics")).body).At("tributary_deliveries_failed_total"), 6);

  FaultyDisk::MakeRoom();
  const HttpReply reply = Post("b", "Bob");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.Json()["verdict"], "APPLIED");
  EXPECT_EQ(reply.Json()["revision"], 2);
  EXPECT_EQ(Post("b", "Bob").Json()["verdict"], "DUPLICATE");
  EXPECT_EQ(Post("c", "Cid").Json()["revision"], 3);
  ReadUntil(*stream, 3, seen);
  stream.reset();
  server_->Restart();
  EXPECT_EQ(Listed(), 3);
}

TEST_F(FaultsTest, AFailedFsyncIs503UntilTheFileWasOpenedAnewAndNobodyMissesAChange) {
  auto stream = Watch();
  int64_t seen = 0;
  EXPECT_EQ(Post("a", "Ada").status, 200);
  ReadUntil(*stream, 1, seen);

  FaultyDisk::FailFsync(FaultyDisk::File::kAny, 1, 1'000'000);
  for (int i = 0; i < 3; ++i) {
    ExpectRefused(Post("b", "Bob"));
    const HttpReply ready = Ask(Get("/readyz"));
    EXPECT_EQ(ready.status, 503);
    EXPECT_EQ(ready.Json()["reason"], "NOT_READY");
    EXPECT_EQ(Ask(Get("/healthz")).status, 200);
    EXPECT_EQ(FirstNameOf("a"), "Ada");
    EXPECT_EQ(FirstNameOf("b"), "RESOURCE_NOT_FOUND");
  }
  const ExpositionReader page(Ask(Get("/metrics")).body);
  EXPECT_EQ(page.At("tributary_store_in_doubt"), 1);
  EXPECT_GT(page.At("tributary_failed_fsyncs_total"), 0);

  FaultyDisk::FailFsync(FaultyDisk::File::kAny, 0, 0);
  const HttpReply reply = PostUntilAcknowledged("b", "Bob");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.Json()["revision"], 2);
  EXPECT_EQ(PostUntilAcknowledged("c", "Cid").Json()["revision"], 3);
  EXPECT_EQ(Ask(Get("/readyz")).status, 200);
  EXPECT_EQ(ExpositionReader(Ask(Get("/metrics")).body).At("tributary_store_in_doubt"), 0);
  EXPECT_EQ(FirstNameOf("b"), "Bob");
  ReadUntil(*stream, 3, seen);

  stream.reset();
  FaultyDisk::LosePower();
  server_->Stop();
  FaultyDisk::RestorePower();
  server_->Start();
  EXPECT_EQ(Listed(), 3);
}

TEST_F(FaultsTest, DamageIsSaidToWhoAsksForItAndNobodyElse) {
  EXPECT_EQ(Post("a", "Ada").status, 200);
  EXPECT_EQ(Post("b", "Bob").status, 200);
  const std::string path = server_->server().options().store.substr(sizeof("sqlite:") - 1);
  server_->Stop();
  std::string content;
  {
    std::ifstream file(path, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(file), {});
  }
  // "Ada" stands where she was written, and in copies that Get does not read.
  for (size_t at = content.find("Ada"); at != content.npos; at = content.find("Ada", at + 1)) {
    testing::FlipByte(path, static_cast<int64_t>(at));
  }
  server_->Start();
  EXPECT_EQ(FirstNameOf("a"), "STORED_DATA_CORRUPT");
  EXPECT_EQ(FirstNameOf("b"), "Bob");
  EXPECT_EQ(Post("c", "Cid").status, 200);
  EXPECT_EQ(Post("b", "Ben").status, 200);
  EXPECT_EQ(FirstNameOf("b"), "Ben");
  // And it ends with the next state.
  EXPECT_EQ(Post("a", "Adele").Json()["verdict"], "APPLIED");
  EXPECT_EQ(FirstNameOf("a"), "Adele");
  EXPECT_EQ(Listed(), 3);
}

// 2026-01-01T00:00:00Z is FakeClock::kStart.
TEST(ClockFaultsTest, BackLeavesTheOrderOfTheSourceAsItIs) {
  constexpr int64_t kHour = 3600LL * 1'000'000;
  const TempDir dir;
  FakeClock clock;
  ServerOptions options;
  options.store = "sqlite:" + dir.File("t.db");
  options.grpc.address = options.http.address = "127.0.0.1:0";
  options.grpc.version = "test";
  int posted = 0;
  const auto post = [&](Server& server, const std::string& name, const std::string& updated_at) {
    return AskOf(server.http_port(),
                 Webhook(ContactBody("a", name, updated_at), "key-" + std::to_string(++posted)))
        .Json();
  };
  auto server = Server::Start(options, clock);
  TRIBUTARY_ASSERT_OK(server);
  EXPECT_EQ(post(**server, "first", "2026-01-01T00:00:00.000Z")["verdict"], "APPLIED");
  clock.Advance(-kHour);
  for (int life = 0; life < 2; ++life) {
    // By the clock alone these would lie in the future, and hold in the order of arrival.
    const std::string minute = std::to_string(2 * life + 1);
    const auto newer = post(**server, "newer", "2026-01-01T00:0" + minute + ":30.000Z");
    EXPECT_EQ(newer["verdict"], "APPLIED");
    EXPECT_TRUE(newer["warnings"].empty()) << newer;
    EXPECT_EQ(post(**server, "older", "2026-01-01T00:0" + minute + ":10.000Z")["verdict"],
              "SUPERSEDED");
    server->reset();
    server = Server::Start(options, clock);
    TRIBUTARY_ASSERT_OK(server);
  }
}

}  // namespace
}  // namespace tributary
