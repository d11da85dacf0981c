#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"

namespace tributary::testing {

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  nlohmann::json Json() const;
  std::string Header(const std::string& name) const;
};

// A connection that sends exactly the bytes it is told, and reads answers one at a time. Every wait
// ends after `kPatience`, so that a broken server fails a test and does not hang it.
class HttpClient {
 public:
  static constexpr std::chrono::milliseconds kPatience{20'000};

  explicit HttpClient(int port);
  ~HttpClient() { Close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool connected() const { return connected_; }

  void Close();
  void EndSending();

  // False if the server cut the connection meanwhile.
  bool Send(std::string_view bytes);

  // True if an answer, or the end, has come by then.
  bool HasNews(std::chrono::milliseconds patience);

  // The next answer; nullopt if the connection ended or nothing came. A HEAD has a `bare` answer.
  std::optional<HttpReply> Receive(bool bare = false);
  std::optional<HttpReply> Ask(std::string_view request);

  // Waits for the server's end of the connection; false if bytes come instead.
  bool IsEnded() { return received_.empty() && !ReadMore() && ended_; }

 private:
  static HttpReply ParseHead(const std::string& head);
  bool ReadMore();
  bool HasNewsOnSocket();

  int socket_ = -1;
  bool connected_ = false;
  bool ended_ = false;
  std::string received_;
};

// A request as bytes, with a length where there is a body.
struct HttpRequest {
  std::string method = "POST";
  std::string target = "/webhooks";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  HttpRequest With(std::string name, std::string value) const;
  HttpRequest Without(std::string_view name) const;
  HttpRequest Set(std::string name, std::string value) const;

  std::string Head() const;
  std::string Text() const;
};

HttpRequest Get(const std::string& target);
HttpRequest Webhook(std::string body, std::string key = "key-1");

}  // namespace tributary::testing
