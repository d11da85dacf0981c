// Webhooks over HTTP/1.1 from one thread: as many connections as asked for, one request under way
// on each. Of this project because every request holds a key and a time of its own, which a script
// would make at the expense of the server beside it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "bench/load/flags.h"
#include "bench/load/report.h"
#include "bench/load/verbs.h"
#include "bench/load/webhook.h"

ABSL_FLAG(std::string, expect, "", "Text that every answer must hold.");

namespace bench {
namespace {

int Connect(const std::string& target) {
  const std::vector<std::string> parts = absl::StrSplit(target, ':');
  int port = 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &port) ||
      inet_pton(AF_INET, parts[0].c_str(), &address.sin_addr) != 1) {
    std::fprintf(stderr, "--target must be IPV4:PORT, not %s\n", target.c_str());
    return -1;
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror(target.c_str());
    close(socket_fd);
    return -1;
  }
  const int on = 1;
  setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket_fd;
}

// One connection, with at most one request under way. Requests are small enough that the kernel
// takes them whole, so sending never waits.
struct Connection {
  int socket = -1;
  bool busy = false;
  Clock::time_point begun;
  std::string answer;

  // What is left to come of an answer of which the head is there; -1 while it is not.
  int64_t Missing() const {
    const size_t head = answer.find("\r\n\r\n");
    if (head == answer.npos) return -1;
    constexpr char kName[] = "\r\nContent-Length:";
    const char* field = strcasestr(answer.c_str(), kName);
    const int64_t length = field == nullptr ? 0 : std::atoll(field + sizeof kName - 1);
    return static_cast<int64_t>(head) + 4 + length - static_cast<int64_t>(answer.size());
  }
};

class HttpLoad {
 public:
  HttpLoad() : maker_(MixFromFlags(), static_cast<unsigned>(getpid())) {}

  bool Connect() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    connections_.resize(static_cast<size_t>(absl::GetFlag(FLAGS_connections)));
    for (Connection& connection : connections_) {
      connection.socket = bench::Connect(absl::GetFlag(FLAGS_target));
      if (connection.socket < 0) return false;
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
      idle_.push_back(&connection);
    }
    return true;
  }

  // Drives the load to its end; false if a connection broke.
  bool Run() {
    const auto duration = [](double seconds) {
      return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    };
    start_ = Clock::now();
    counting_from_ = count_ > 0 ? start_ : start_ + duration(absl::GetFlag(FLAGS_warmup));
    end_ = count_ > 0 ? Clock::time_point::max()
                      : counting_from_ + duration(absl::GetFlag(FLAGS_seconds));
    last_answer_ = counting_from_;
    std::array<epoll_event, 256> events;
    for (;;) {
      if (!SendDue()) return false;
      if (busy_ == 0 && !More(Clock::now())) break;
      // With a rate, the next request may be due before any answer comes.
      const int wait_ms = rate_ > 0 ? 1 : 1000;
      const int ready = epoll_wait(epoll_, events.data(), events.size(), wait_ms);
      for (int i = 0; i < ready; ++i) {
        if (!Receive(*static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr)))
          return false;
      }
    }
    return true;
  }

  int Report() {
    const double seconds = std::chrono::duration<double>(last_answer_ - counting_from_).count();
    Figures figures = {{"per_second", static_cast<double>(latencies_.count()) / seconds},
                       {"count", static_cast<double>(latencies_.count())},
                       {"sent", static_cast<double>(sent_)},
                       {"seconds", seconds},
                       {"errors", static_cast<double>(errors_)},
                       {"stall_ms", std::chrono::duration<double>(stall_).count() * 1000},
                       {"cpu", CpuSeconds() / seconds}};
    latencies_.AppendTo(figures);
    Print(figures);
    if (errors_ > 0) std::fprintf(stderr, "first unexpected answer:\n%s\n", first_error_.c_str());
    return errors_ == 0 ? 0 : 1;
  }

 private:
  bool More(Clock::time_point now) const { return count_ > 0 ? sent_ < count_ : now < end_; }

  bool Due(Clock::time_point now) const {
    if (rate_ == 0) return true;
    return now - start_ >= std::chrono::duration<double>(static_cast<double>(sent_) / rate_);
  }

  bool SendDue() {
    for (auto now = Clock::now(); !idle_.empty() && More(now) && Due(now); now = Clock::now()) {
      Connection& connection = *idle_.front();
      idle_.pop_front();
      request_.clear();
      maker_.Next();
      maker_.AppendRequest(request_);
      connection.begun = Clock::now();
      const ssize_t sent = send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL);
      if (sent != static_cast<ssize_t>(request_.size())) {
        std::perror("send");
        return false;
      }
      connection.busy = true;
      ++busy_;
      ++sent_;
    }
    return true;
  }

  bool Receive(Connection& connection) {
    std::array<char, 4096> buffer;
    const ssize_t size = recv(connection.socket, buffer.data(), buffer.size(), 0);
    if (size <= 0 || !connection.busy) {
      std::fprintf(stderr, "the server closed a connection\n");
      return false;
    }
    connection.answer.append(buffer.data(), static_cast<size_t>(size));
    const int64_t missing = connection.Missing();
    if (missing != 0) return missing == -1 || missing > 0;
    const auto now = Clock::now();
    Check(connection.answer);
    connection.answer.clear();
    connection.busy = false;
    --busy_;
    idle_.push_back(&connection);
    if (now >= counting_from_ && now < end_) {
      latencies_.Add(now - connection.begun);
      stall_ = std::max(stall_, now - last_answer_);
      last_answer_ = now;
    }
    return true;
  }

  void Check(const std::string& answer) {
    const bool good = answer.compare(0, 10, "HTTP/1.1 2") == 0 &&
                      (expect_.empty() || answer.find(expect_) != answer.npos);
    if (good) return;
    if (errors_++ == 0) first_error_ = answer;
  }

  const int64_t count_ = absl::GetFlag(FLAGS_count);
  const double rate_ = absl::GetFlag(FLAGS_rate);
  const std::string expect_ = absl::GetFlag(FLAGS_expect);
  WebhookMaker maker_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::deque<Connection*> idle_;
  std::string request_;
  int64_t sent_ = 0;
  int64_t busy_ = 0;
  Clock::time_point start_;
  Clock::time_point counting_from_;
  Clock::time_point end_;
  Clock::time_point last_answer_;
  Clock::duration stall_{};  // the longest time in which no answer came
  Latencies latencies_;
  int64_t errors_ = 0;
  std::string first_error_;
};

}  // namespace

int RunHttp() {
  HttpLoad load;
  if (!load.Connect() || !load.Run()) return 1;
  return load.Report();
}

int RunBody() {
  WebhookMaker maker(MixFromFlags(), 0);
  maker.Next();
  std::string body;
  maker.AppendBody(body);
  std::fwrite(body.data(), 1, body.size(), stdout);
  return 0;
}

}  // namespace bench
