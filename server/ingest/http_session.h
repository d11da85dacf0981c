#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/ingest/answers.h"
#include "server/ingest/committer.h"
#include "server/ingest/routes.h"
#include "server/ingest/session_table.h"
#include "server/ingest/webhook_server.h"
#include "server/model/webhook_decoder.h"

namespace tributary {

// What the sessions of one server share. Outlives them.
struct SessionContext {
  const WebhookServerOptions& options;
  const WebhookDecoder& decoder;
  Committer& committer;
  const Clock& clock;
  const std::function<bool()> ready;
  const WriteMetrics write_metrics;
  const std::function<void(uint64_t id)> closed;  // called once per session, on its strand
  const std::string request_id_prefix;            // tells the servers' own request ids apart
  const std::shared_ptr<SessionTable> table = std::make_shared<SessionTable>();
  std::atomic<bool> draining = false;
  HttpMetrics metrics = {};
};

// One HTTP/1.1 connection: reads a request, has it answered, reads the next. Every wait for the
// other side has a deadline and every buffer a bound; whatever arrives, the worst is an answer and
// the end of this connection. Runs on a strand of its own, but for Deliver(), which any thread may
// call.
class HttpSession final : public std::enable_shared_from_this<HttpSession> {
 public:
  using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Strand>;

  HttpSession(uint64_t id, Socket socket, SessionContext& context);

  void Start();

  // The delivery of the request under way has been committed, or has not.
  void Deliver(absl::StatusOr<Outcome> outcome);

 private:
  using Error = boost::system::error_code;
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Strand>;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;

  enum class Phase { kIdle, kReading, kAnswering, kWriting, kLingering, kClosed };

  void NextRequest();
  void Read();
  void OnRead(const Error& error, size_t bytes);
  void Parse();
  void OnHeader();
  void OnParseError(const Error& error);
  void ContinueAfter100();

  void OnRequest();
  void OnWebhook();
  void OnOutcome(const absl::StatusOr<Outcome>& outcome);

  void Refuse(const ProblemType& type, std::string detail);
  void Write(HttpAnswer answer);
  void OnWritten(const Error& error);
  void EndAnswer();
  void Linger();
  void Discard();
  void Close();

  std::string TakeRequestId();
  void SetDeadline(std::chrono::milliseconds from_now);
  void ClearDeadline();
  void ArmTimer();
  void OnTimer(const Error& error);
  void OnDeadline();

  const uint64_t id_;
  Socket socket_;
  Timer timer_;
  SessionContext& context_;

  Phase phase_ = Phase::kIdle;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;  // of the request under way
  bool header_seen_ = false;
  Route route_;
  std::string request_id_;
  uint64_t requests_ = 0;
  DecodedWebhook decoded_;       // without its delivery, which the committer has
  bool answer_counted_ = false;  // in the table's BeginAnswer
  Response response_;

  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  bool timer_armed_ = false;
  bool timed_out_ = false;
};

}  // namespace tributary
