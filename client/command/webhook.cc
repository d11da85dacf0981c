#include "client/command/webhook.h"

// Boost 1.74 uses std::exchange in a header that does not include this.
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tributary::command {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr char kDefaultPort[] = "8080";
constexpr char kUserAgent[] = "tributary";

struct HostPort {
  std::string host;
  std::string port;
};

// "http://[::1]:8080/" -> {"::1", "8080"}
HostPort SplitAddress(std::string_view address) {
  if (address.starts_with("http://")) address.remove_prefix(7);
  while (!address.empty() && address.back() == '/') address.remove_suffix(1);
  const size_t bracket = address.rfind(']');
  const size_t colon = address.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  std::string_view host = has_port ? address.substr(0, colon) : address;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::string(host), has_port ? std::string(address.substr(colon + 1)) : kDefaultPort};
}

// One HTTP exchange whose steps share a deadline.
class Exchange {
 public:
  explicit Exchange(absl::Duration timeout)
      : stream_(io_), resolver_(io_), deadline_(absl::Now() + timeout) {}

  error_code Connect(const HostPort& target) {
    tcp::resolver::results_type endpoints;
    const error_code resolved = Wait([&](auto done) {
      resolver_.async_resolve(target.host, target.port,
                              [&endpoints, done](error_code error, auto results) {
                                endpoints = std::move(results);
                                done(error);
                              });
    });
    if (resolved) return resolved;
    return Wait([&](auto done) {
      stream_.async_connect(endpoints, [done](error_code error, const auto&) { done(error); });
    });
  }

  error_code Send(const http::request<http::string_body>& request) {
    return Wait([&](auto done) {
      http::async_write(stream_, request, [done](error_code error, size_t) { done(error); });
    });
  }

  error_code Receive(http::response<http::string_body>& response) {
    beast::flat_buffer buffer;
    return Wait([&](auto done) {
      http::async_read(stream_, buffer, response,
                       [done](error_code error, size_t) { done(error); });
    });
  }

 private:
  // Starts a step and runs it to its end, or to that of the time.
  template <typename Start>
  error_code Wait(Start start) {
    error_code result = beast::error::timeout;
    start([&result](error_code error) { result = error; });
    io_.restart();
    io_.run_for(absl::ToChronoMilliseconds(deadline_ - absl::Now()));
    if (io_.stopped()) return result;
    resolver_.cancel();
    stream_.close();
    io_.run();
    return beast::error::timeout;
  }

  asio::io_context io_;
  beast::tcp_stream stream_;
  tcp::resolver resolver_;
  const absl::Time deadline_;
};

http::request<http::string_body> ToHttp(const WebhookRequest& request, const std::string& host) {
  http::request<http::string_body> post(http::verb::post, request.path, 11);
  post.set(http::field::host, host);
  post.set(http::field::user_agent, kUserAgent);
  post.set(http::field::content_type, "application/json");
  post.set(http::field::connection, "close");
  // An empty header would be refused for another reason than the one that is left out.
  if (!request.connector_id.empty()) post.set("x-connector-id", request.connector_id);
  if (!request.owner_id.empty()) post.set("x-owner-id", request.owner_id);
  if (!request.idempotency_key.empty()) post.set("x-idempotency-key", request.idempotency_key);
  post.body() = request.body;
  post.prepare_payload();
  return post;
}

bool HoldsLineBreak(const WebhookRequest& request) {
  for (const std::string* text :
       {&request.path, &request.connector_id, &request.owner_id, &request.idempotency_key}) {
    if (text->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<WebhookResponse> PostWebhook(const WebhookRequest& request, absl::Duration timeout) {
  if (HoldsLineBreak(request)) {
    return absl::InvalidArgumentError("a header cannot hold a line break");
  }
  const HostPort target = SplitAddress(request.address);
  Exchange exchange(timeout);
  const auto unavailable = [&](const char* what, const error_code& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot ", what, " ", target.host, ":", target.port, ": ", error.message()));
  };
  if (const error_code error = exchange.Connect(target)) return unavailable("connect to", error);
  http::response<http::string_body> response;
  // A server that refuses the request answers before it has read all of it, so that a failed write
  // is not the last word.
  const error_code sent =
      exchange.Send(ToHttp(request, absl::StrCat(target.host, ":", target.port)));
  if (const error_code error = exchange.Receive(response)) {
    return sent ? unavailable("send to", sent) : unavailable("get an answer from", error);
  }
  const auto header = [&](const char* name) {
    const auto value = response[name];
    return std::string(value.data(), value.size());
  };
  return WebhookResponse{static_cast<int>(response.result_int()), std::move(response.body()),
                         header("x-tributary-verdict"), header("x-tributary-delivery-id")};
}

std::string ContentKey(std::string_view text) {
  // FNV-1a. Two texts with one key would do no harm: the server compares contents too.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return absl::StrFormat("tributary-send-%016x", hash);
}

}  // namespace tributary::command
