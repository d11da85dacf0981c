// More connections than there are places for: who sends nothing makes room for who does.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ingest/ingest_fixture.h"

namespace tributary::testing {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMoment{100};

using WebhookCrowdTest = IngestTest;

TEST_F(WebhookCrowdTest, ThePlaceOfASlowSenderGoesToWhoWaitsForOne) {
  StartServer({.connections_max = 2, .crowded_time_max = milliseconds(50)});
  HttpClient slow(port());
  ASSERT_TRUE(slow.Send("POST /web"));
  HttpClient idle(port());
  EXPECT_EQ(idle.Ask(Get("/healthz").Text()).value_or(HttpReply{}).status, 200);
  HttpClient third(port());
  EXPECT_EQ(third.Ask(Webhook(WorkspaceBody("a", "A"), "a").Text()).value_or(HttpReply{}).status,
            200);
  const auto told = slow.Receive();
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->status, 503);
  EXPECT_EQ(told->Json()["reason"], "OVERLOADED");
  EXPECT_EQ(told->Header("retry-after"), "1");
  EXPECT_TRUE(slow.IsEnded());
  HttpClient fourth(port());
  EXPECT_EQ(fourth.Ask(Webhook(WorkspaceBody("b", "B"), "b").Text()).value_or(HttpReply{}).status,
            200);
  EXPECT_TRUE(idle.IsEnded());
}

TEST_F(WebhookCrowdTest, NobodyMakesRoomWhileNobodyWaits) {
  StartServer({.connections_max = 2, .crowded_time_max = milliseconds(10)});
  HttpClient first(port());
  HttpClient second(port());
  for (int i = 0; i < 2; ++i) {
    for (HttpClient* client : {&first, &second}) {
      EXPECT_EQ(client->Ask(Get("/healthz").Text()).value_or(HttpReply{}).status, 200);
      EXPECT_FALSE(client->HasNews(kMoment));
    }
  }
}

TEST_F(WebhookCrowdTest, WhoWaitsForAnAnswerKeepsItsPlace) {
  StartServer({.connections_max = 1, .crowded_time_max = milliseconds(10)});
  store_->Hold();
  HttpClient first(port());
  ASSERT_TRUE(first.Send(Webhook(WorkspaceBody("a", "A"), "a").Text()));
  ASSERT_TRUE(store_->WaitForCommits(1));
  HttpClient second(port());
  ASSERT_TRUE(second.Send(Webhook(WorkspaceBody("b", "B"), "b").Text()));
  EXPECT_FALSE(second.HasNews(milliseconds(300)));
  store_->Release();
  EXPECT_EQ(first.Receive().value_or(HttpReply{}).status, 200);
  EXPECT_EQ(second.Receive().value_or(HttpReply{}).status, 200);
}

// --- Ten thousand connections that send one byte each
// -------------------------------------------------------------------------------------------------

// As many descriptors as this process may have.
rlim_t RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

int OpenDescriptors() {
  using std::filesystem::directory_iterator;
  return static_cast<int>(std::distance(directory_iterator("/proc/self/fd"), directory_iterator()));
}

int64_t ResidentMiB() {
  std::ifstream statm("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  statm >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

// Processes that open connections, send a byte on each, and then keep them for as long as they may.
class Flood {
 public:
  static constexpr int kPerProcess = 2500;  // wherever they run, they may have as many descriptors

  Flood(int port, int connections)
      : sent_(new (mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0)) {
    // A child of a process with threads has only the one that forked: a lock that another held,
    // such as one of the allocator's, stays held in it. So it finds its memory allocated.
    std::vector<pollfd> waiting(kPerProcess);
    for (; connections > 0; connections -= kPerProcess) {
      const pid_t child = fork();
      if (child == 0) {
        Pour(port, absl::MakeSpan(waiting).first(std::min(connections, kPerProcess)));
        _exit(0);
      }
      children_.push_back(child);
    }
  }
  ~Flood() {
    End();
    munmap(sent_, sizeof(*sent_));
  }

  // Connections that have sent their byte.
  int sent() const { return *sent_; }

  void End() {
    for (const pid_t child : children_) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
    children_.clear();
  }

 private:
  // Allocates nothing.
  void Pour(int port, absl::Span<pollfd> waiting) {
    RaiseDescriptorLimit();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (pollfd& place : waiting) {
      const int one = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (one < 0) _exit(1);
      (void)!connect(one, reinterpret_cast<sockaddr*>(&address), sizeof(address));
      place = {one, POLLOUT, 0};
    }
    while (poll(waiting.data(), waiting.size(), -1) > 0) {
      for (pollfd& one : waiting) {
        if ((one.revents & POLLOUT) != 0 && (one.revents & POLLERR) == 0 &&
            send(one.fd, "P", 1, MSG_NOSIGNAL) == 1) {
          ++*sent_;
        }
        if (one.revents != 0) one.fd = -1;  // it stays open, and is not looked at any more
      }
    }
  }

  std::atomic<int>* const sent_;
  std::vector<pid_t> children_;
};

TEST_F(WebhookCrowdTest, TenThousandConnectionsThatSendOneByteEachKeepNobodyOut) {
  constexpr int kConnections = 10'000;
  constexpr int kPlaces = 256;
  RaiseDescriptorLimit();
  StartServer({.connections_max = kPlaces, .crowded_time_max = milliseconds(50), .threads = 2});
  const int descriptors = OpenDescriptors();
  const int64_t resident = ResidentMiB();
  Flood flood(port(), kConnections);
  int served = 0;
  int descriptors_max = 0;
  const auto begun = std::chrono::steady_clock::now();
  while (flood.sent() < kConnections || served < 20) {
    ASSERT_LT(std::chrono::steady_clock::now() - begun, std::chrono::minutes(5)) << flood.sent();
    const std::string key = std::to_string(served);
    HttpClient client(port());
    const auto reply = client.Ask(Webhook(WorkspaceBody(key, "A"), key).Text());
    descriptors_max = std::max(descriptors_max, OpenDescriptors());
    if (!reply.has_value()) continue;  // slower than the crowd lets it be: it tries again
    EXPECT_EQ(reply->status, 200) << reply->body;
    ++served;
  }
  EXPECT_EQ(flood.sent(), kConnections);
  EXPECT_LE(descriptors_max - descriptors, kPlaces + 16);
  EXPECT_LT(ResidentMiB() - resident, 200);
  flood.End();
  EXPECT_EQ(Ask(Webhook(WorkspaceBody("last", "A"), "last")).status, 200);
  EXPECT_EQ(Ask(Get("/healthz")).status, 200);
  EXPECT_EQ(HeadRevision(), served + 1);
}

}  // namespace
}  // namespace tributary::testing
