#include "server/ingest/http_session.h"

#include <algorithm>
#include <exception>
#include <string_view>
#include <tuple>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/log.h"
#include "server/base/request_id.h"
#include "server/base/strings.h"
#include "server/ingest/response_text.h"

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

}  // namespace

HttpSession::HttpSession(uint64_t id, SessionLoop::Socket socket, SessionLoop& loop)
    : id_(id),
      loop_(loop),
      context_(loop.context()),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      buffer_(kBufferBytesMax),
      webhook_(id, loop) {
  Error gone;
  const auto peer = socket_.remote_endpoint(gone);
  if (!gone) remote_address_ = peer.address().to_string();
}

template <typename Work>
void HttpSession::Guarded(Work work) {
  try {
    work();
  } catch (const std::exception& exception) {
    LogError(absl::StrCat("connection closed: ", exception.what()));
    Close();
  }
}

template <typename Work>
auto HttpSession::Later(Work work) {
  return [self = shared_from_this(), work](auto... results) {
    if (self->phase_ != Phase::kClosed) self->Guarded([&] { work(*self, results...); });
  };
}

void HttpSession::Start() {
  Error ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  Guarded([this] { NextRequest(); });
}

void HttpSession::OnNews() {
  if (phase_ == Phase::kAnswering) Guarded([this] { AnswerWebhook(); });
}

void HttpSession::NextRequest() {
  parser_.reset();
  field_memory_.release();
  parser_.emplace(std::piecewise_construct, std::make_tuple(),
                  std::make_tuple(RequestFields::allocator_type(&field_memory_)));
  parser_->header_limit(limits::kHttpHeaderBytesMax);
  parser_->body_limit(context_.options.body_bytes_max);
  header_seen_ = false;
  request_id_.clear();
  const bool begun = buffer_.size() > 0;  // the peer did not wait for its last answer
  phase_ = begun ? Phase::kReading : Phase::kIdle;
  SetDeadline(begun ? context_.options.read_time_max : context_.options.idle_time_max);
  // Not at once: thousands of requests may lie here, and answering one leads to the next. And when
  // the rest of a batch has been answered first, the peer's next request is likely to be there.
  asio::post(socket_.get_executor(), Later([](HttpSession& self) { self.Parse(); }));
}

void HttpSession::Read() {
  if (buffer_.size() + kReadBytes > kBufferBytesMax) {
    Refuse(problem::kRequestMalformed, "chunk extension or trailer: is too large");
    return;
  }
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          Later([](HttpSession& self, const Error& error, size_t bytes) {
                            self.OnRead(error, bytes);
                          }));
}

void HttpSession::OnRead(const Error& error, size_t bytes) {
  if (makes_room_) {
    RefuseForNow(problem::kOverloaded, "connections: others wait for the place of a slow one");
    return;
  }
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
  TakeRequestId();
  route_ = RouteRequest(parser_->get().base(), context_.options.webhook_path);
  if (const auto length = parser_->content_length(); length.has_value()) {
    // Within the limit, or the parser would have refused it.
    parser_->get().body().reserve(*length + WebhookDecoder::kBodySlackBytes);
  }
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
                    Later([](HttpSession& self, const Error& error, size_t) {
                      if (error) {
                        self.Close();
                        return;
                      }
                      self.phase_ = Phase::kReading;
                      self.Parse();
                    }));
}

void HttpSession::OnParseError(const Error& error) {
  if (request_id_.empty()) TakeRequestId();
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
  loop_.BeginAnswer();
  answer_counted_ = true;
  switch (route_.target) {
    case Route::Target::kWebhook:
      OnWebhook();
      return;
    case Route::Target::kHealth:
      Write(HealthAnswer());
      return;
    case Route::Target::kReady:
      if (!context_.draining && context_.ready()) {
        Write(HealthAnswer());
      } else {
        RefuseForNow(context_.draining ? problem::kServerDraining : problem::kNotReady,
                     "the server takes no work now");
      }
      return;
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
  const absl::Status taken =
      webhook_.Begin(route_.webhook, std::move(parser_->get().body()), remote_address_);
  if (!taken.ok()) {
    Write(StatusAnswer(taken));
  } else if (webhook_.waits_for_cards()) {
    SetDeadline(context_.options.card_view_timeout);
  }
}

void HttpSession::AnswerWebhook() {
  std::optional<HttpAnswer> answer = webhook_.TakeAnswer();
  if (!answer.has_value()) return;
  ClearDeadline();
  Write(*std::move(answer));
}

void HttpSession::Refuse(const ProblemType& type, std::string detail) {
  Problem problem;
  problem.type = type;
  problem.detail = std::move(detail);
  HttpAnswer answer = ProblemAnswer(problem);
  answer.close = true;
  Write(std::move(answer));
}

void HttpSession::RefuseForNow(const ProblemType& type, std::string detail) {
  Problem problem;
  problem.type = type;
  problem.detail = std::move(detail);
  problem.retry_after_ms = 1000;
  Write(ProblemAnswer(problem));
}

void HttpSession::Write(HttpAnswer answer) {
  phase_ = Phase::kWriting;
  if (request_id_.empty()) TakeRequestId();
  context_.metrics.answers[static_cast<size_t>(answer.status)].Add();
  if (answer.status >= 400) {
    Log(LogLevel::kDebug,
        absl::StrCat("request ", request_id_, " answered ", answer.status, " ", answer.body));
  }
  const bool header = parser_->is_header_done();
  const auto& request = parser_->get();
  keep_alive_ =
      header && request.keep_alive() && !answer.close && !makes_room_ && !context_.draining;
  response_.clear();
  AppendResponse(answer,
                 {.version = header ? request.version() : 11,
                  .keep_alive = keep_alive_,
                  .bare = header && request.method() == http::verb::head,
                  .request_id = request_id_},
                 response_);
  // The socket nearly always has room for all of it, and then nothing needs to be waited for.
  Error error;
  written_ = socket_.write_some(asio::buffer(response_), error);
  if (makes_room_) {
    Close();
  } else if (error == asio::error::would_block || (!error && written_ < response_.size())) {
    WriteRest();
  } else {
    OnWritten(error);
  }
}

void HttpSession::WriteRest() {
  SetDeadline(context_.options.read_time_max);
  asio::async_write(
      socket_, asio::buffer(response_) + written_,
      Later([](HttpSession& self, const Error& error, size_t) { self.OnWritten(error); }));
}

void HttpSession::OnWritten(const Error& error) {
  EndAnswer();
  if (error) {
    Close();
  } else if (keep_alive_) {
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
                          Later([](HttpSession& self, const Error& error, size_t) {
                            if (error) {
                              self.Close();
                            } else {
                              self.Discard();
                            }
                          }));
}

void HttpSession::EndAnswer() {
  if (answer_counted_) loop_.EndAnswer();
  answer_counted_ = false;
}

void HttpSession::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  webhook_.Drop();
  EndAnswer();
  Error ignored;
  timer_.cancel(ignored);
  socket_.close(ignored);
  loop_.Forget(id_);
  context_.closed();
}

void HttpSession::TakeRequestId() {
  ++requests_;
  request_id_.clear();
  if (const auto found = parser_->get().find("x-request-id"); found != parser_->get().end()) {
    const std::string_view sent(found->value().data(), found->value().size());
    if (IsRequestId(sent)) {
      request_id_ = sent;
      return;
    }
  }
  absl::StrAppend(&request_id_, context_.request_id_prefix, "-", id_, "-", requests_);
}

void HttpSession::ArmTimer() {
  timer_armed_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait(Later([](HttpSession& self, const Error& error) { self.OnTimer(error); }));
}

void HttpSession::OnTimer(const Error& error) {
  if (error == asio::error::operation_aborted) return;
  timer_armed_ = false;
  if (deadline_ == std::chrono::steady_clock::time_point::max()) return;
  if (std::chrono::steady_clock::now() < deadline_) {
    ArmTimer();
  } else {
    OnDeadline();
  }
}

}  // namespace tributary
