#include "tests/testing/test_server.h"

#include <cstdlib>
#include <optional>

namespace tributary::testing {

TestServer::TestServer(ServerOptions options) : options_(std::move(options)) {
  options_.store = "sqlite:" + dir_.path() + "/test.db";
  options_.grpc.address = "127.0.0.1:0";
  options_.http.address = "127.0.0.1:0";
  options_.grpc.version = "test";
  Start();
}

void TestServer::Start() {
  auto server = Server::Start(options_, clock_);
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    std::abort();
  }
  server_ = *std::move(server);
  channel_ = ChannelTo(server_->grpc_port());
}

void TestServer::Restart() {
  Stop();
  Start();
}

void TestServer::SetValidation(Validation validation) {
  options_.decoder.validation = validation;
  Restart();
}

HttpReply TestServer::Post(const std::string& body, const std::string& owner) {
  HttpClient client(server_->http_port());
  const auto reply =
      client.Ask(Webhook(body, "key-" + std::to_string(++posted_)).Set("x-owner-id", owner).Text());
  if (!reply.has_value()) {
    ADD_FAILURE() << "no answer to " << body;
    return {};
  }
  return *reply;
}

int64_t TestServer::Put(const std::string& model, const std::string& id,
                        const nlohmann::json& fields, const std::string& owner) {
  const HttpReply reply = Post(Body(model, "updated", id, fields), owner);
  EXPECT_EQ(reply.status, 200) << reply.body;
  return reply.Json().value("revision", int64_t{0});
}

int64_t TestServer::Delete(const std::string& model, const std::string& id,
                           const std::string& owner) {
  const HttpReply reply = Post(Body(model, "deleted", id, nullptr), owner);
  EXPECT_EQ(reply.status, 200) << reply.body;
  return reply.Json().value("revision", int64_t{0});
}

std::string TestServer::Body(const std::string& model, const std::string& trigger,
                             const std::string& id, const nlohmann::json& fields) {
  nlohmann::json data = {{"object", "resource"}, {"model", model}, {"id", id}};
  if (!fields.is_null()) data["fields"] = fields;
  return nlohmann::json{{"event", model + "::" + trigger}, {"data", data}}.dump();
}

}  // namespace tributary::testing
