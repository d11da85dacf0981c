// The least that an HTTP server can do: reads each request whole and answers 200. What it reaches
// is the limit of any webhook endpoint on Boost.Beast with one thread.
//
//   bare_http    listens on 127.0.0.1, prints the port

#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Error = boost::system::error_code;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) {
    socket_.set_option(tcp::no_delay(true));
    answer_.result(http::status::ok);
    answer_.set(http::field::content_type, "application/json");
    answer_.body() = R"({"ok":true})";
    answer_.prepare_payload();
  }

  void Read() {
    request_ = {};
    http::async_read(socket_, buffer_, request_, [self = shared_from_this()](Error error, size_t) {
      if (!error) self->Write();
    });
  }

 private:
  void Write() {
    http::async_write(socket_, answer_, [self = shared_from_this()](Error error, size_t) {
      if (!error) self->Read();
    });
  }

  tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> answer_;
};

void Accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](Error error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket))->Read();
    Accept(acceptor);
  });
}

}  // namespace

int main() {
  try {
    asio::io_context io(1);
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    Accept(acceptor);
    std::printf("listening %d\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    io.run();
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "bare_http: %s\n", exception.what());
    return 1;
  }
}
