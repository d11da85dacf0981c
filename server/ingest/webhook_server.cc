#include "server/ingest/webhook_server.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/strings.h"
#include "server/ingest/http_session.h"
#include "server/ingest/session_table.h"

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

// Sessions catch what is thrown in them; what is thrown around them, for want of memory, must not
// end the process either.
void Run(asio::io_context& io) {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception& exception) {
      LogError(absl::StrCat("HTTP: ", exception.what()));
    }
  }
}

class BeastWebhookServer final : public WebhookServer {
 public:
  BeastWebhookServer(WebhookServerOptions options, const WebhookDecoder& decoder,
                     Committer& committer, const Clock& clock, std::function<bool()> ready,
                     WriteMetrics write_metrics)
      : options_(std::move(options)),
        context_{.options = options_,
                 .decoder = decoder,
                 .committer = committer,
                 .clock = clock,
                 .ready = std::move(ready),
                 .write_metrics = std::move(write_metrics),
                 .closed = [this](uint64_t id) { OnClosed(id); },
                 .request_id_prefix = RandomPrefix()},
        io_(std::make_unique<Io>()) {}

  ~BeastWebhookServer() override { Stop(std::chrono::milliseconds(0)); }

  absl::Status Listen();

  int port() const override { return port_; }
  void Drain() override ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop(std::chrono::milliseconds grace) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What lives on the event loop, which goes last.
  struct Io {
    asio::io_context context;
    asio::strand<asio::io_context::executor_type> strand{
        context.get_executor()};  // of what follows
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    tcp::acceptor acceptor{context};
    asio::steady_timer pause{context};
  };

  // On the strand:
  void Accept();
  void OnAccepted(const Error& error, HttpSession::Socket socket);
  void OnClosed(uint64_t id);  // on the session's

  const WebhookServerOptions options_;
  SessionContext context_;
  std::unique_ptr<Io> io_;  // none once it was stopped
  std::vector<std::thread> threads_;
  int port_ = 0;

  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  // Guarded by the strand.
  bool accepting_ = false;
  int open_ = 0;
  uint64_t last_id_ = 0;
};

absl::Status BeastWebhookServer::Listen() {
  absl::StatusOr<tcp::endpoint> endpoint = Resolve(io_->context, options_.address);
  if (!endpoint.ok()) return endpoint.status();
  Error error;
  tcp::acceptor& acceptor = io_->acceptor;
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return CannotListen(options_.address, error.message());
  port_ = acceptor.local_endpoint().port();
  asio::post(io_->strand, [this] { Accept(); });
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    threads_.emplace_back([&io = io_->context] { Run(io); });
  }
  return absl::OkStatus();
}

void BeastWebhookServer::Accept() {
  if (accepting_ || context_.draining || open_ >= options_.connections_max) return;
  accepting_ = true;
  io_->acceptor.async_accept(
      asio::make_strand(io_->context),
      asio::bind_executor(io_->strand, [this](const Error& error, HttpSession::Socket socket) {
        accepting_ = false;
        OnAccepted(error, std::move(socket));
      }));
}

void BeastWebhookServer::OnAccepted(const Error& error, HttpSession::Socket socket) {
  if (context_.draining || error == asio::error::operation_aborted) return;
  if (error && error != asio::error::connection_aborted) {
    LogWarning(absl::StrCat("no connection taken for a moment: ", error.message()));
    io_->pause.expires_after(kAcceptPause);
    io_->pause.async_wait(asio::bind_executor(io_->strand, [this](const Error&) { Accept(); }));
    return;
  }
  if (!error) {
    ++open_;
    const uint64_t id = ++last_id_;
    auto session = std::make_shared<HttpSession>(id, std::move(socket), context_);
    context_.table->Add(id, session);
    session->Start();
  }
  Accept();
}

void BeastWebhookServer::OnClosed(uint64_t id) {
  context_.table->Remove(id);
  asio::post(io_->strand, [this] {
    --open_;
    Accept();
  });
}

void BeastWebhookServer::Drain() {
  MutexLock lock(mutex_);
  if (context_.draining.exchange(true) || stopped_) return;
  asio::post(io_->strand, [this] {
    Error ignored;
    io_->acceptor.close(ignored);
    io_->pause.cancel(ignored);
  });
}

void BeastWebhookServer::Stop(std::chrono::milliseconds grace) {
  Drain();
  context_.table->WaitForAnswers(std::chrono::steady_clock::now() + grace);
  {
    MutexLock lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  io_->context.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // From here on no outcome is posted; what still lies in the loop goes with it.
  context_.table->Clear();
  io_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<WebhookServer>> WebhookServer::Start(
    WebhookServerOptions options, const WebhookDecoder& decoder, Committer& committer,
    const Clock& clock, std::function<bool()> ready, WriteMetrics write_metrics) {
  auto server = std::make_unique<BeastWebhookServer>(std::move(options), decoder, committer, clock,
                                                     std::move(ready), std::move(write_metrics));
  if (absl::Status listening = server->Listen(); !listening.ok()) return listening;
  return server;
}

}  // namespace tributary
