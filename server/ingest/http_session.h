#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/ingest/answers.h"
#include "server/ingest/pending_webhook.h"
#include "server/ingest/routes.h"
#include "server/ingest/session_loop.h"

namespace tributary {

// One HTTP/1.1 connection: reads a request, has it answered, reads the next. Every wait for the
// other side has a deadline and every buffer a bound; whatever arrives, the worst is an answer and
// the end of this connection. Runs on the thread of its loop.
class HttpSession final : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(uint64_t id, SessionLoop::Socket socket, SessionLoop& loop);

  void Start();

  PendingWebhook& webhook() { return webhook_; }
  // Something came that the webhook's answer may have waited for.
  void OnNews();

  // Since when it has waited for its peer to send a whole request; nullopt: it does not.
  std::optional<std::chrono::steady_clock::time_point> waiting_since() const;
  // Ends, while it waits for its peer: others wait for its place.
  void MakeRoom();

 private:
  using Error = boost::system::error_code;
  using Timer =
      boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                        boost::asio::wait_traits<std::chrono::steady_clock>,
                                        SessionLoop::Executor>;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body,
                                                    RequestFields::allocator_type>;

  enum class Phase { kIdle, kReading, kAnswering, kWriting, kLingering, kClosed };

  // Runs `work`, which may throw where memory runs out or a library does: then the session ends.
  template <typename Work>
  void Guarded(Work work);
  // Runs `work` as what follows a wait: not if the session has ended meanwhile.
  template <typename Work>
  auto Later(Work work);

  void NextRequest();
  void Read();
  void OnRead(const Error& error, size_t bytes);
  void Parse();
  void OnHeader();
  void OnParseError(const Error& error);
  void ContinueAfter100();

  void OnRequest();
  void OnWebhook();
  // Answers the webhook if everything that its answer waits for is there.
  void AnswerWebhook();

  void Refuse(const ProblemType& type, std::string detail);
  void RefuseForNow(const ProblemType& type, std::string detail);  // and a retry may help
  void Write(HttpAnswer answer);
  void WriteRest();
  void OnWritten(const Error& error);
  void EndAnswer();
  void Linger();
  void Discard();
  void Close();

  void TakeRequestId();
  void SetDeadline(std::chrono::milliseconds from_now);
  void ClearDeadline();
  void ArmTimer();
  void OnTimer(const Error& error);
  void OnDeadline();

  const uint64_t id_;
  SessionLoop& loop_;
  SessionContext& context_;
  SessionLoop::Socket socket_;
  Timer timer_;

  Phase phase_ = Phase::kIdle;
  boost::beast::flat_buffer buffer_;
  // What the fields of one request take is here; only large headers need more.
  std::array<std::byte, 2048> field_bytes_;
  std::pmr::monotonic_buffer_resource field_memory_{field_bytes_.data(), field_bytes_.size()};
  std::optional<Parser> parser_;  // of the request under way
  bool header_seen_ = false;
  Route route_;
  std::string request_id_;
  uint64_t requests_ = 0;
  std::string remote_address_;   // of the peer; empty: it has gone
  PendingWebhook webhook_;       // of the request under way
  bool answer_counted_ = false;  // in the loop's BeginAnswer
  std::string response_;
  size_t written_ = 0;  // of it
  bool keep_alive_ = false;

  std::chrono::steady_clock::time_point waiting_since_;
  bool makes_room_ = false;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  bool timer_armed_ = false;
  bool timed_out_ = false;
};

}  // namespace tributary
