#include "tests/ingest/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>

namespace tributary::testing {

nlohmann::json HttpReply::Json() const { return nlohmann::json::parse(body, nullptr, false); }

std::string HttpReply::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpClient::HttpClient(int port) {
  socket_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

void HttpClient::Close() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

void HttpClient::EndSending() { shutdown(socket_, SHUT_WR); }

bool HttpClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd ready{socket_, POLLOUT, 0};
    if (poll(&ready, 1, static_cast<int>(kPatience.count())) <= 0) return false;
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool HttpClient::HasNews(std::chrono::milliseconds patience) {
  if (!received_.empty()) return true;
  pollfd ready{socket_, POLLIN, 0};
  return poll(&ready, 1, static_cast<int>(patience.count())) > 0;
}

std::optional<HttpReply> HttpClient::Receive(bool bare) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore()) return std::nullopt;
  }
  HttpReply reply = ParseHead(received_.substr(0, end));
  received_.erase(0, end + 4);
  const std::string length = bare ? "" : reply.Header("content-length");
  const size_t size = length.empty() ? 0 : std::stoul(length);
  while (received_.size() < size) {
    if (!ReadMore()) return std::nullopt;
  }
  reply.body = received_.substr(0, size);
  received_.erase(0, size);
  return reply;
}

std::optional<HttpReply> HttpClient::Ask(std::string_view request) {
  return Send(request) ? Receive() : std::nullopt;
}

HttpReply HttpClient::ParseHead(const std::string& head) {
  HttpReply reply;
  reply.status = std::stoi(head.substr(head.find(' ') + 1));
  for (size_t at = head.find("\r\n"); at != std::string::npos;) {
    const size_t next = head.find("\r\n", at + 2);
    const std::string line = head.substr(at + 2, next == std::string::npos ? next : next - at - 2);
    const size_t colon = line.find(':');
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    reply.headers[name] =
        line.substr(std::min(line.size(), line.find_first_not_of(' ', colon + 1)));
    at = next;
  }
  return reply;
}

bool HttpClient::ReadMore() {
  if (ended_ || !HasNewsOnSocket()) return false;
  char bytes[4096];
  const ssize_t size = recv(socket_, bytes, sizeof(bytes), 0);
  ended_ = size <= 0;
  if (!ended_) received_.append(bytes, static_cast<size_t>(size));
  return !ended_;
}

bool HttpClient::HasNewsOnSocket() {
  pollfd ready{socket_, POLLIN, 0};
  return poll(&ready, 1, static_cast<int>(kPatience.count())) > 0;
}

HttpRequest HttpRequest::With(std::string name, std::string value) const {
  HttpRequest copy = *this;
  copy.headers.emplace_back(std::move(name), std::move(value));
  return copy;
}

HttpRequest HttpRequest::Without(std::string_view name) const {
  HttpRequest copy = *this;
  std::erase_if(copy.headers, [&](const auto& header) { return header.first == name; });
  return copy;
}

HttpRequest HttpRequest::Set(std::string name, std::string value) const {
  return Without(name).With(std::move(name), std::move(value));
}

std::string HttpRequest::Head() const {
  std::string text = method + " " + target + " HTTP/1.1\r\nhost: test\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  return text;
}

std::string HttpRequest::Text() const {
  const bool length = method == "POST" || !body.empty();
  return Head() + (length ? "content-length: " + std::to_string(body.size()) + "\r\n" : "") +
         "\r\n" + body;
}

HttpRequest Get(const std::string& target) {
  HttpRequest request;
  request.method = "GET";
  request.target = target;
  return request;
}

HttpRequest Webhook(std::string body, std::string key) {
  HttpRequest request;
  request.headers = {{"content-type", "application/json"},
                     {"x-connector-id", "hubspot"},
                     {"x-owner-id", "acme"},
                     {"x-idempotency-key", std::move(key)}};
  request.body = std::move(body);
  return request;
}

}  // namespace tributary::testing
