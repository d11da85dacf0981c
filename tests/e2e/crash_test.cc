// kill -9 of the real server in a loop, while deliveries arrive and a watcher is cut off again and
// again, forgetting all that it had not saved.

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/mutex.h"
#include "tests/e2e/daemon.h"
#include "tests/ingest/http_client.h"
#include "tests/testing/rpc.h"
#include "tests/testing/temp_dir.h"
#include "tributary/generic/v1/contact.pb.h"

namespace tributary {
namespace {

using generic::v1::WatchContactsRequest;
using generic::v1::WatchContactsResponse;
using testing::Daemon;
using testing::HttpClient;
using testing::TempDir;
using testing::Webhook;

constexpr char kWatch[] = "/tributary.generic.v1.ContactService/WatchContacts";
constexpr int kDeliveries = 10'000;
constexpr int kSenders = 8;
constexpr int kServerKills = 20;
constexpr int kWatcherKills = 100;

// One change as a watcher saw it.
std::string Text(const generic::v1::ContactChange& change) {
  return std::to_string(change.revision()) + " " + std::to_string(change.type()) + " " +
         change.resource().id() + " " + change.resource().fields().first_name() + " " +
         change.delivery_id();
}

struct Acknowledged {
  int64_t revision;
  std::string id;
  std::string value;
};

// Sends the deliveries of one sender, each until it is answered 2xx: what a sender with retries
// does.
void SendAll(const Daemon& daemon, int sender, std::atomic<int>& sent,
             std::vector<Acknowledged>& acknowledged) {
  auto client = std::make_unique<HttpClient>(daemon.http_port());
  for (int i = sender; i < kDeliveries; i += kSenders) {
    const std::string id = "c" + std::to_string(i % 200);
    const std::string value = "v" + std::to_string(i);
    const bool remove = i % 17 == 0;
    const std::string body =
        remove ? R"({"event":"genericContact::deleted","data":{"id":")" + id + R"("}})"
               : R"({"event":"genericContact::updated","data":{"id":")" + id +
                     R"(","fields":{"firstName":")" + value + R"("}}})";
    const std::string request = Webhook(body, "key-" + std::to_string(i)).Text();
    for (;;) {
      const auto reply = client->connected() ? client->Ask(request) : std::nullopt;
      if (reply.has_value() && reply->status == 200) {
        const auto answer = reply->Json();
        const std::string verdict = answer["verdict"];
        if (!remove && (verdict == "APPLIED" || verdict == "DUPLICATE")) {
          acknowledged.push_back({answer["revision"], id, value});
        }
        break;
      }
      client = std::make_unique<HttpClient>(daemon.http_port());
    }
    ++sent;
    sent.notify_all();
  }
}

TEST(Crash, AWatcherAndAServerKilledAgainAndAgainLoseAndRepeatNothing) {
  const TempDir dir;
  Daemon daemon(dir.path());
  std::atomic<int> sent{0};
  std::vector<std::vector<Acknowledged>> acknowledged(kSenders);
  std::vector<std::thread> senders;
  for (int i = 0; i < kSenders; ++i) {
    senders.emplace_back(SendAll, std::cref(daemon), i, std::ref(sent),
                         std::ref(acknowledged[static_cast<size_t>(i)]));
  }

  // The watcher: reads a little, is cut off, comes back with the last token it kept. A response
  // that it read but whose token it had not saved is lost with it and must come again.
  std::vector<std::string> seen;
  std::string token;
  int watcher_kills = 0;
  std::atomic<bool> sending{true};
  std::thread watcher([&] {
    std::mt19937 random(5);
    while (sending || watcher_kills < kWatcherKills) {
      WatchContactsRequest request;
      request.set_start(v1::WATCH_START_BEGINNING);
      request.set_resume_token(token);
      request.mutable_heartbeat_interval()->set_seconds(1);
      testing::Stream<WatchContactsResponse> stream(testing::ChannelTo(daemon.grpc_port()), kWatch,
                                                    request);
      WatchContactsResponse response;
      for (int left = 1 + static_cast<int>(random() % 5); left > 0 && stream.Read(&response);
           --left) {
        if (random() % 10 == 0) break;  // died before it could save anything
        for (const auto& change : response.changes()) seen.push_back(Text(change));
        token = response.resume_token();
      }
      ++watcher_kills;
    }
  });

  for (int i = 1; i <= kServerKills; ++i) {
    const int enough = i * kDeliveries / (kServerKills + 1);
    for (int now = sent; now < enough; now = sent) sent.wait(now);
    daemon.Kill();
    daemon.Start();
  }
  for (std::thread& sender : senders) sender.join();
  sending = false;
  watcher.join();
  EXPECT_GE(watcher_kills, kWatcherKills);

  // To the end, once with the token and once without any interruption.
  const auto to_head = [&](const std::string& from) {
    WatchContactsRequest request;
    request.set_start(v1::WATCH_START_BEGINNING);
    request.set_resume_token(from);
    request.set_stop_at_head(true);
    testing::Stream<WatchContactsResponse> stream(testing::ChannelTo(daemon.grpc_port()), kWatch,
                                                  request);
    std::vector<std::string> all;
    WatchContactsResponse response;
    while (stream.Read(&response)) {
      for (const auto& change : response.changes()) all.push_back(Text(change));
    }
    EXPECT_TRUE(stream.Finish().ok());
    return all;
  };
  for (std::string& text : to_head(token)) seen.push_back(std::move(text));
  const std::vector<std::string> uninterrupted = to_head("");
  EXPECT_EQ(seen, uninterrupted);

  // And nothing that was acknowledged is missing.
  std::map<int64_t, std::string> by_revision;
  for (const std::string& text : uninterrupted) by_revision[std::stoll(text)] = text;
  size_t count = 0;
  for (const auto& of_sender : acknowledged) {
    for (const Acknowledged& one : of_sender) {
      ASSERT_TRUE(by_revision.contains(one.revision)) << one.id << " " << one.value;
      EXPECT_THAT(by_revision[one.revision],
                  ::testing::HasSubstr(" " + one.id + " " + one.value + " "));
      ++count;
    }
  }
  EXPECT_GT(count, static_cast<size_t>(kDeliveries) * 9 / 10);
  EXPECT_EQ(daemon.Stop(), 0);
}

}  // namespace
}  // namespace tributary
