#pragma once

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/base/clock.h"
#include "server/server.h"
#include "tests/ingest/http_client.h"
#include "tests/testing/rpc.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {

// A whole server in this process, on ports of its own and a store in a folder of its own.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = {}) : options_(std::move(options)) {
    options_.store = "sqlite:" + dir_.path() + "/test.db";
    options_.grpc.address = "127.0.0.1:0";
    options_.http.address = "127.0.0.1:0";
    options_.grpc.version = "test";
    Start();
  }

  void Start() {
    auto server = Server::Start(options_, clock_);
    if (!server.ok()) {
      ADD_FAILURE() << server.status();
      std::abort();
    }
    server_ = *std::move(server);
    channel_ = ChannelTo(server_->grpc_port());
  }
  void Stop() { server_.reset(); }
  void Restart() {
    Stop();
    Start();
  }

  // With the same store, as after a change of the flag.
  void SetValidation(Validation validation) {
    options_.decoder.validation = validation;
    Restart();
  }

  Server& server() { return *server_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  HttpReply Post(const std::string& body, const std::string& owner = "acme") {
    HttpClient client(server_->http_port());
    const auto reply = client.Ask(
        Webhook(body, "key-" + std::to_string(++posted_)).Set("x-owner-id", owner).Text());
    if (!reply.has_value()) {
      ADD_FAILURE() << "no answer to " << body;
      return {};
    }
    return *reply;
  }

  // The revision of the change that the webhook made.
  int64_t Put(const std::string& model, const std::string& id, const nlohmann::json& fields,
              const std::string& owner = "acme") {
    const HttpReply reply = Post(Body(model, "updated", id, fields), owner);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.Json().value("revision", int64_t{0});
  }
  int64_t Delete(const std::string& model, const std::string& id,
                 const std::string& owner = "acme") {
    const HttpReply reply = Post(Body(model, "deleted", id, nullptr), owner);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.Json().value("revision", int64_t{0});
  }

  static std::string Body(const std::string& model, const std::string& trigger,
                          const std::string& id, const nlohmann::json& fields) {
    nlohmann::json data = {{"object", "resource"}, {"model", model}, {"id", id}};
    if (!fields.is_null()) data["fields"] = fields;
    return nlohmann::json{{"event", model + "::" + trigger}, {"data", data}}.dump();
  }

 private:
  TempDir dir_;
  SystemClock clock_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  int posted_ = 0;
};

}  // namespace tributary::testing
