#include "server/ingest/webhook_server.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/strings.h"
#include "server/ingest/session_loop.h"

namespace tributary {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

// How long the server waits when the system has no descriptor left for one more connection.
constexpr std::chrono::milliseconds kAcceptPause{100};

absl::Status CannotListen(std::string_view address, std::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("HTTP address ", Clip(address), ": ", Absl(why)),
                   reason::kArgumentInvalid);
}

absl::StatusOr<tcp::endpoint> Resolve(asio::io_context& io, std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == address.npos) return CannotListen(address, "must be host:port");
  std::string host(address.substr(0, colon));
  const std::string port(address.substr(colon + 1));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "0.0.0.0";
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos ||
      std::stoi(port) > 65535) {
    return CannotListen(address, "the port must be a number from 0 to 65535");
  }
  Error error;
  const auto found = tcp::resolver(io).resolve(host, port, tcp::resolver::passive, error);
  if (error || found.empty()) return CannotListen(address, error.message());
  // "localhost" names both families: who tries 127.0.0.1 must find us.
  for (const auto& entry : found) {
    if (entry.endpoint().protocol() == tcp::v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

std::string RandomPrefix() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8));
}

class BeastWebhookServer final : public WebhookServer {
 public:
  BeastWebhookServer(WebhookServerOptions options, const WebhookDecoder& decoder,
                     Committer& committer, CardExchange& cards, const Clock& clock,
                     std::function<bool()> ready, WriteMetrics write_metrics)
      : options_(std::move(options)),
        context_{.options = options_,
                 .decoder = decoder,
                 .committer = committer,
                 .cards = cards,
                 .clock = clock,
                 .ready = std::move(ready),
                 .write_metrics = std::move(write_metrics),
                 .closed = [this] { OnClosed(); },
                 .request_id_prefix = RandomPrefix()} {
    for (int i = 0; i < ThreadsOf(options_); ++i) {
      loops_.push_back(std::make_unique<SessionLoop>(context_));
    }
    intake_ = std::make_unique<Intake>(loops_.front()->io());
  }

  ~BeastWebhookServer() override { Stop(std::chrono::milliseconds(0)); }

  absl::Status Listen();

  int port() const override { return port_; }
  void Drain() override ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop(std::chrono::milliseconds grace) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Takes connections, on the first loop's thread.
  struct Intake {
    explicit Intake(asio::io_context& io) : acceptor(io), pause(io) {}

    tcp::acceptor acceptor;
    asio::steady_timer pause;
    bool accepting = false;
    bool crowded = false;  // it is seen to that those who wait find room
    int open = 0;
    uint64_t last_id = 0;
    uint64_t last_asked = 0;  // for room: a loop
  };

  // On the first loop's thread:
  void Accept();
  void AwaitCrowd();
  void MakeRoom();
  void AcceptLater();
  void OnAccepted(const Error& error, SessionLoop& loop, SessionLoop::Socket socket);
  // On that of the session's loop:
  void OnClosed();

  const WebhookServerOptions options_;
  SessionContext context_;
  std::vector<std::unique_ptr<SessionLoop>> loops_;  // none once it was stopped
  std::unique_ptr<Intake> intake_;                   // lives on the first of them
  int port_ = 0;

  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status BeastWebhookServer::Listen() {
  absl::StatusOr<tcp::endpoint> endpoint = Resolve(loops_.front()->io(), options_.address);
  if (!endpoint.ok()) return endpoint.status();
  Error error;
  tcp::acceptor& acceptor = intake_->acceptor;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return CannotListen(options_.address, error.message());
  port_ = acceptor.local_endpoint().port();
  asio::post(acceptor.get_executor(), [this] { Accept(); });
  for (const std::unique_ptr<SessionLoop>& loop : loops_) loop->Start();
  return absl::OkStatus();
}

void BeastWebhookServer::Accept() {
  if (intake_->accepting || context_.draining) return;
  if (intake_->open >= options_.connections_max) {
    AwaitCrowd();
    return;
  }
  intake_->accepting = true;
  SessionLoop& loop = *loops_[intake_->last_id % loops_.size()];  // one after the other
  intake_->acceptor.async_accept(loop.io().get_executor(),
                                 [this, &loop](const Error& error, SessionLoop::Socket socket) {
                                   intake_->accepting = false;
                                   OnAccepted(error, loop, std::move(socket));
                                 });
}

// All places are taken: once somebody waits for one, the slowest has to go.
void BeastWebhookServer::AwaitCrowd() {
  if (std::exchange(intake_->crowded, true)) return;
  intake_->acceptor.async_wait(tcp::acceptor::wait_read, [this](const Error& error) {
    if (context_.draining || error == asio::error::operation_aborted) return;
    if (intake_->open < options_.connections_max) {
      intake_->crowded = false;
      Accept();
    } else {
      MakeRoom();
    }
  });
}

void BeastWebhookServer::MakeRoom() {
  SessionLoop& loop = *loops_[++intake_->last_asked % loops_.size()];
  asio::post(loop.io(), [this, &loop] {
    // If so, OnClosed() follows.
    const bool made = loop.MakeRoom(options_.crowded_time_max);
    asio::post(intake_->acceptor.get_executor(), [this, made] {
      if (made) {
        intake_->crowded = false;
        Accept();
      } else {
        AcceptLater();
      }
    });
  });
}

void BeastWebhookServer::AcceptLater() {
  intake_->pause.expires_after(kAcceptPause);
  intake_->pause.async_wait([this](const Error&) {
    intake_->crowded = false;
    Accept();
  });
}

void BeastWebhookServer::OnAccepted(const Error& error, SessionLoop& loop,
                                    SessionLoop::Socket socket) {
  if (context_.draining || error == asio::error::operation_aborted) return;
  if (error && error != asio::error::connection_aborted) {
    LogWarning(absl::StrCat("no connection taken for a moment: ", error.message()));
    AcceptLater();
    return;
  }
  if (!error) {
    ++intake_->open;
    loop.Serve(++intake_->last_id, std::move(socket));
  }
  Accept();
}

void BeastWebhookServer::OnClosed() {
  asio::post(intake_->acceptor.get_executor(), [this] {
    --intake_->open;
    Accept();
  });
}

void BeastWebhookServer::Drain() {
  MutexLock lock(mutex_);
  if (context_.draining.exchange(true) || stopped_) return;
  asio::post(intake_->acceptor.get_executor(), [this] {
    Error ignored;
    intake_->acceptor.close(ignored);
    intake_->pause.cancel(ignored);
  });
}

void BeastWebhookServer::Stop(std::chrono::milliseconds grace) {
  Drain();
  const auto deadline = std::chrono::steady_clock::now() + grace;
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  for (const std::unique_ptr<SessionLoop>& loop : loops_) {
    loop->AllAnswered().wait_until(deadline);
  }
  // All threads end before anything of theirs goes: sessions post to the intake's loop.
  for (const std::unique_ptr<SessionLoop>& loop : loops_) loop->Stop();
  intake_.reset();
  loops_.clear();
}

}  // namespace

// One thread reads, decodes and answers more webhooks than the one writer commits, so most cores
// are for others; a second one keeps a large body from holding up the rest.
int WebhookServer::ThreadsOf(const WebhookServerOptions& options) {
  constexpr int kThreadsMax = 4;
  if (options.threads > 0) return options.threads;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()) / 2, 1, kThreadsMax);
}

absl::StatusOr<std::unique_ptr<WebhookServer>> WebhookServer::Start(
    WebhookServerOptions options, const WebhookDecoder& decoder, Committer& committer,
    CardExchange& cards, const Clock& clock, std::function<bool()> ready,
    WriteMetrics write_metrics) {
  auto server =
      std::make_unique<BeastWebhookServer>(std::move(options), decoder, committer, cards, clock,
                                           std::move(ready), std::move(write_metrics));
  if (absl::Status listening = server->Listen(); !listening.ok()) return listening;
  return server;
}

}  // namespace tributary
