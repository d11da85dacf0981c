#include "tests/client/live_server.h"

#include <cstdlib>
#include <utility>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/server.h"
#include "tests/ingest/http_client.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {
namespace {

using nlohmann::json;

}  // namespace

class LiveServer::Parts {
 public:
  Parts() {
    options_.store = "sqlite:" + dir_.File("test.db");
    options_.grpc.address = "127.0.0.1:0";
    options_.http.address = "127.0.0.1:0";
    options_.grpc.version = "test";
    Start();
    // A client that reconnects looks for the server where it was.
    options_.grpc.address = "127.0.0.1:" + std::to_string(server_->grpc_port());
    options_.http.address = "127.0.0.1:" + std::to_string(server_->http_port());
  }

  void Start() {
    auto server = Server::Start(options_, clock_);
    if (!server.ok()) {
      ADD_FAILURE() << server.status();
      std::abort();
    }
    server_ = *std::move(server);
  }
  void Stop() { server_.reset(); }

  const ServerOptions& options() const { return options_; }

  int64_t Post(const json& body, const std::string& owner) {
    HttpClient client(server_->http_port());
    const std::string key = "key-" + std::to_string(++posted_);
    const auto reply = client.Ask(Webhook(body.dump(), key).Set("x-owner-id", owner).Text());
    if (!reply.has_value() || reply->status != 200) {
      ADD_FAILURE() << "no or a bad answer to " << body.dump();
      return 0;
    }
    return reply->Json().value("revision", int64_t{0});
  }

 private:
  TempDir dir_;
  SystemClock clock_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  int posted_ = 0;
};

LiveServer::LiveServer() : parts_(std::make_unique<Parts>()) {}
LiveServer::~LiveServer() = default;

std::string LiveServer::grpc_address() const { return parts_->options().grpc.address; }
std::string LiveServer::http_address() const { return parts_->options().http.address; }

int64_t LiveServer::Put(const std::string& model, const std::string& id, const std::string& fields,
                        const std::string& owner) {
  const json data = {
      {"object", "resource"}, {"model", model}, {"id", id}, {"fields", json::parse(fields)}};
  return parts_->Post({{"event", model + "::updated"}, {"data", data}}, owner);
}

int64_t LiveServer::Delete(const std::string& model, const std::string& id) {
  const json data = {{"object", "resourceRef"}, {"model", model}, {"id", id}};
  return parts_->Post({{"event", model + "::deleted"}, {"data", data}}, "acme");
}

void LiveServer::Restart() {
  parts_->Stop();
  parts_->Start();
}

}  // namespace tributary::testing
