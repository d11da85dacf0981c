#include "server/ingest/http_session.h"

#include <algorithm>
#include <exception>
#include <string_view>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/write.hpp>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/log.h"
#include "server/base/request_id.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr size_t kReadBytes = 16 * 1024;
// Holds a header, or the extensions of a chunk, and what was read beyond it. What is larger is no
// request.
constexpr size_t kBufferBytesMax = limits::kHttpHeaderBytesMax + 2 * kReadBytes;
// A peer that still sends when it was answered gets this long to read the answer before the
// connection is cut: closing at once would throw the answer away.
constexpr std::chrono::milliseconds kLingerMax{1000};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// Runs `work`, which may throw where memory runs out or a library does: false if it did.
template <typename Work>
bool Survives(Work work) {
  try {
    work();
    return true;
  } catch (const std::exception& exception) {
    LogError(absl::StrCat("connection closed: ", exception.what()));
    return false;
  }
}

}  // namespace

HttpSession::HttpSession(uint64_t id, Socket socket, SessionContext& context)
    : id_(id),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      context_(context),
      buffer_(kBufferBytesMax) {}

void HttpSession::Start() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    Error ignored;
    self->socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    self->NextRequest();
  });
}

void HttpSession::Deliver(absl::StatusOr<Outcome> outcome) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), outcome = std::move(outcome)] {
    if (!Survives([&] { self->OnOutcome(outcome); })) self->Close();
  });
}

void HttpSession::NextRequest() {
  parser_.emplace();
  parser_->header_limit(limits::kHttpHeaderBytesMax);
  parser_->body_limit(context_.options.body_bytes_max);
  header_seen_ = false;
  request_id_.clear();
  if (buffer_.size() > 0) {  // the peer did not wait for its last answer
    phase_ = Phase::kReading;
    SetDeadline(context_.options.read_time_max);
    Parse();
    return;
  }
  phase_ = Phase::kIdle;
  SetDeadline(context_.options.idle_time_max);
  Read();
}

void HttpSession::Read() {
  if (buffer_.size() + kReadBytes > kBufferBytesMax) {
    Refuse(problem::kRequestMalformed, "chunk extension or trailer: is too large");
    return;
  }
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](const Error& error, size_t bytes) {
                            if (!Survives([&] { self->OnRead(error, bytes); })) self->Close();
                          });
}

void HttpSession::OnRead(const Error& error, size_t bytes) {
  if (phase_ == Phase::kClosed) return;
  if (timed_out_) {
    Refuse(problem::kRequestTimeout, absl::StrCat("request: must arrive within ",
                                                  context_.options.read_time_max.count(), " ms"));
    return;
  }
  if (error == asio::error::eof && phase_ == Phase::kReading) {
    Refuse(problem::kRequestMalformed, "request: ends early");
    return;
  }
  if (error) {
    Close();
    return;
  }
  buffer_.commit(bytes);
  if (phase_ == Phase::kIdle) {
    phase_ = Phase::kReading;
    SetDeadline(context_.options.read_time_max);
  }
  Parse();
}

void HttpSession::Parse() {
  while (!parser_->is_done()) {
    if (buffer_.size() == 0) {
      Read();
      return;
    }
    Error error;
    buffer_.consume(parser_->put(buffer_.data(), error));
    if (error == http::error::need_more) {
      Read();
      return;
    }
    if (error) {
      OnParseError(error);
      return;
    }
    if (parser_->is_header_done() && !header_seen_) {
      header_seen_ = true;
      OnHeader();
      if (phase_ != Phase::kReading) return;
    }
  }
  OnRequest();
}

// Leaves phase kReading where the body is not to be read (yet).
void HttpSession::OnHeader() {
  request_id_ = TakeRequestId();
  route_ = RouteRequest(parser_->get().base(), context_.options.webhook_path);
  const bool waits = !parser_->is_done() && parser_->get().version() >= 11 &&
                     parser_->get().count(http::field::expect) > 0;
  if (route_.target == Route::Target::kRefused && (waits || route_.refusal.close)) {
    // The body will not come, or can't be told from what follows.
    route_.refusal.close = true;
    Write(std::move(route_.refusal));
  } else if (waits && buffer_.size() == 0) {
    ContinueAfter100();
  }
}

void HttpSession::ContinueAfter100() {
  phase_ = Phase::kAnswering;  // for Parse(): it goes on from here
  asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                    [self = shared_from_this()](const Error& error, size_t) {
                      if (self->phase_ == Phase::kClosed) return;
                      if (error) {
                        self->Close();
                        return;
                      }
                      self->phase_ = Phase::kReading;
                      if (!Survives([&] { self->Parse(); })) self->Close();
                    });
}

void HttpSession::OnParseError(const Error& error) {
  if (request_id_.empty()) request_id_ = TakeRequestId();
  if (error == http::error::body_limit) {
    Refuse(problem::kBodyTooLarge,
           absl::StrCat("body: must have at most ", context_.options.body_bytes_max, " bytes"));
  } else if (error == http::error::header_limit) {
    Refuse(problem::kHeadersTooLarge,
           absl::StrCat("headers: must have at most ", limits::kHttpHeaderBytesMax, " bytes"));
  } else {
    Refuse(problem::kRequestMalformed, absl::StrCat("request: ", error.message()));
  }
}

void HttpSession::OnRequest() {
  ClearDeadline();
  phase_ = Phase::kAnswering;
  context_.table->BeginAnswer();
  answer_counted_ = true;
  switch (route_.target) {
    case Route::Target::kWebhook:
      OnWebhook();
      return;
    case Route::Target::kHealth:
      Write(HealthAnswer());
      return;
    case Route::Target::kReady: {
      if (!context_.draining && context_.ready()) {
        Write(HealthAnswer());
        return;
      }
      Problem problem;
      problem.type = context_.draining ? problem::kServerDraining : problem::kNotReady;
      problem.detail = "the server takes no work now";
      problem.retry_after_ms = 1000;
      Write(ProblemAnswer(problem));
      return;
    }
    case Route::Target::kMetrics: {
      Exposition page(route_.format);
      context_.write_metrics(context_.metrics, page);
      HttpAnswer answer;
      answer.content_type = page.content_type();
      answer.body = page.Finish();
      Write(std::move(answer));
      return;
    }
    case Route::Target::kRefused:
      Write(std::move(route_.refusal));
      return;
  }
}

void HttpSession::OnWebhook() {
  if (context_.draining) {
    ErrorDetail detail;
    detail.reason = reason::kServerDraining;
    Write(StatusAnswer(MakeError(absl::StatusCode::kUnavailable,
                                 "the server is shutting down: try again", std::move(detail))));
    return;
  }
  decoded_ = context_.decoder.Decode(route_.webhook, std::move(parser_->get().body()),
                                     context_.clock.NowMicros());
  const absl::Status taken = context_.committer.Submit(
      std::move(decoded_.delivery),
      [table = context_.table, id = id_](const absl::StatusOr<Outcome>& outcome) {
        table->Deliver(id, outcome);
      });
  if (!taken.ok()) Write(StatusAnswer(taken));
}

void HttpSession::OnOutcome(const absl::StatusOr<Outcome>& outcome) {
  if (phase_ != Phase::kAnswering) return;
  Write(outcome.ok() ? VerdictAnswer(decoded_, *outcome) : StatusAnswer(outcome.status()));
}

void HttpSession::Refuse(const ProblemType& type, std::string detail) {
  Problem problem;
  problem.type = type;
  problem.detail = std::move(detail);
  HttpAnswer answer = ProblemAnswer(problem);
  answer.close = true;
  Write(std::move(answer));
}

void HttpSession::Write(HttpAnswer answer) {
  phase_ = Phase::kWriting;
  SetDeadline(context_.options.read_time_max);
  if (request_id_.empty()) request_id_ = TakeRequestId();
  const auto& request = parser_->get();
  context_.metrics.answers[static_cast<size_t>(answer.status)].Add();
  if (answer.status >= 400) {
    Log(LogLevel::kDebug,
        absl::StrCat("request ", request_id_, " answered ", answer.status, " ", answer.body));
  }
  const bool header = parser_->is_header_done();
  response_ = Response(static_cast<http::status>(answer.status), header ? request.version() : 11);
  response_.keep_alive(header && request.keep_alive() && !answer.close && !context_.draining);
  response_.set(http::field::content_type, answer.content_type);
  response_.set("x-request-id", request_id_);
  for (const auto& [name, value] : answer.headers) response_.set(name, value);
  response_.content_length(answer.body.size());
  if (!header || request.method() != http::verb::head) response_.body() = std::move(answer.body);
  http::async_write(socket_, response_, [self = shared_from_this()](const Error& error, size_t) {
    if (!Survives([&] { self->OnWritten(error); })) self->Close();
  });
}

void HttpSession::OnWritten(const Error& error) {
  EndAnswer();
  if (phase_ == Phase::kClosed) return;
  if (error) {
    Close();
  } else if (response_.keep_alive()) {
    NextRequest();
  } else {
    Linger();
  }
}

void HttpSession::Linger() {
  phase_ = Phase::kLingering;
  SetDeadline(kLingerMax);
  Error ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  buffer_.clear();
  Discard();
}

void HttpSession::Discard() {
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](const Error& error, size_t) {
                            if (self->phase_ == Phase::kClosed) return;
                            if (error) {
                              self->Close();
                            } else {
                              self->Discard();
                            }
                          });
}

void HttpSession::EndAnswer() {
  if (answer_counted_) context_.table->EndAnswer();
  answer_counted_ = false;
}

void HttpSession::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  EndAnswer();
  Error ignored;
  timer_.cancel(ignored);
  socket_.close(ignored);
  context_.closed(id_);
}

std::string HttpSession::TakeRequestId() {
  ++requests_;
  if (const auto found = parser_->get().find("x-request-id"); found != parser_->get().end()) {
    const std::string_view sent(found->value().data(), found->value().size());
    if (IsRequestId(sent)) return std::string(sent);
  }
  return absl::StrCat(context_.request_id_prefix, "-", id_, "-", requests_);
}

void HttpSession::SetDeadline(std::chrono::milliseconds from_now) {
  timed_out_ = false;
  deadline_ = std::chrono::steady_clock::now() + from_now;
  // A timer that fires too early looks again: moving it for every request would cost more than
  // that.
  if (!timer_armed_ || deadline_ < timer_.expiry()) ArmTimer();
}

void HttpSession::ClearDeadline() { deadline_ = std::chrono::steady_clock::time_point::max(); }

void HttpSession::ArmTimer() {
  timer_armed_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](const Error& error) { self->OnTimer(error); });
}

void HttpSession::OnTimer(const Error& error) {
  if (error == asio::error::operation_aborted || phase_ == Phase::kClosed) return;
  timer_armed_ = false;
  if (deadline_ == std::chrono::steady_clock::time_point::max()) return;
  if (std::chrono::steady_clock::now() < deadline_) {
    ArmTimer();
  } else {
    OnDeadline();
  }
}

void HttpSession::OnDeadline() {
  if (phase_ == Phase::kReading) {
    timed_out_ = true;
    Error ignored;
    socket_.cancel(ignored);  // OnRead() goes on
  } else {
    Close();
  }
}

}  // namespace tributary
