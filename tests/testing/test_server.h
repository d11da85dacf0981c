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
  explicit TestServer(ServerOptions options = {});

  void Start();
  void Stop() { server_.reset(); }
  void Restart();

  // With the same store, as after a change of the flag.
  void SetValidation(Validation validation);

  Server& server() { return *server_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  HttpReply Post(const std::string& body, const std::string& owner = "acme");

  // The revision of the change that the webhook made.
  int64_t Put(const std::string& model, const std::string& id, const nlohmann::json& fields,
              const std::string& owner = "acme");
  int64_t Delete(const std::string& model, const std::string& id,
                 const std::string& owner = "acme");

  static std::string Body(const std::string& model, const std::string& trigger,
                          const std::string& id, const nlohmann::json& fields);

 private:
  TempDir dir_;
  SystemClock clock_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  int posted_ = 0;
};

}  // namespace tributary::testing
