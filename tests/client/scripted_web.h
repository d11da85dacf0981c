#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace tributary::testing {

// An HTTP server that answers what a function says, to the byte, one connection after the other:
// for what no healthy one ever does. The function is called on its thread.
class ScriptedWeb {
 public:
  // What to write to a request, whose head it gets; then the connection is closed.
  using Script = std::function<std::string(const std::string& request)>;

  explicit ScriptedWeb(Script script) : script_(std::move(script)) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(listening_, any, size) != 0 || listen(listening_, 16) != 0 ||
        getsockname(listening_, any, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~ScriptedWeb() {
    shutdown(listening_, SHUT_RDWR);
    thread_.join();
    close(listening_);
  }
  ScriptedWeb(const ScriptedWeb&) = delete;
  ScriptedWeb& operator=(const ScriptedWeb&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void Serve() {
    for (int peer; (peer = accept(listening_, nullptr, nullptr)) >= 0; close(peer)) {
      std::string head;
      char buffer[4096];
      while (head.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = recv(peer, buffer, sizeof(buffer), 0);
        if (got <= 0) break;
        head.append(buffer, static_cast<size_t>(got));
      }
      if (head.empty()) continue;
      const std::string answer = script_(head);
      for (size_t sent = 0; sent < answer.size();) {
        const ssize_t now = send(peer, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) break;
        sent += static_cast<size_t>(now);
      }
    }
  }

  const Script script_;
  int listening_ = -1;
  int port_ = 0;
  std::thread thread_;
};

// An answer with the right length. `headers` are whole lines.
inline std::string WebAnswer(int status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + std::to_string(status) +
         " Said\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" +
         headers + "\r\n" + body;
}

}  // namespace tributary::testing
