#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/message_lite.h"

namespace tributary::testing {

// What one call is answered with.
struct ScriptedAnswer {
  std::vector<std::string> messages{};  // encoded
  grpc::Status status = grpc::Status::OK;
  std::string reason{};  // in the trailers; none if empty
  bool stalls = false;   // says nothing more after the messages, until the client cancels
};

// A gRPC server of every method there is, which answers as a function says: for what a healthy
// server never does. The function is called by gRPC's threads, for one call at a time if the client
// makes one at a time.
class ScriptedServer {
 public:
  using Script =
      std::function<ScriptedAnswer(const std::string& method, const std::string& request)>;

  explicit ScriptedServer(Script script) : service_(std::move(script)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  // Deletes itself when the call is done.
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor(grpc::GenericCallbackServerContext* context, const Script& script)
        : context_(context), script_(script) {
      StartRead(&request_);
    }

    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "nothing was asked"));
      std::vector<grpc::Slice> slices;
      std::string request;
      (void)request_.Dump(&slices);
      for (const grpc::Slice& slice : slices) {
        request.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
      }
      answer_ = script_(context_->method(), request);
      Next();
    }
    void OnWriteDone(bool ok) override {
      if (ok) return Next();
      Finish(grpc::Status(grpc::StatusCode::CANCELLED, "nobody reads"));
    }
    void OnCancel() override {
      if (stalled_.exchange(true)) Finish(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled"));
    }
    void OnDone() override { delete this; }

   private:
    void Next() {
      if (written_ < answer_.messages.size()) {
        const grpc::Slice slice(answer_.messages[written_++]);
        response_ = grpc::ByteBuffer(&slice, 1);
        return StartWrite(&response_);
      }
      if (answer_.stalls) {
        // Whoever comes second, this or the cancellation, ends the call.
        if (stalled_.exchange(true)) Finish(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled"));
        return;
      }
      if (!answer_.reason.empty())
        context_->AddTrailingMetadata("tributary-reason", answer_.reason);
      Finish(answer_.status);
    }

    grpc::GenericCallbackServerContext* const context_;
    const Script& script_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer response_;
    ScriptedAnswer answer_;
    size_t written_ = 0;
    std::atomic<bool> stalled_ = false;
  };

  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(Script script) : script_(std::move(script)) {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override {
      return new Reactor(context, script_);
    }

   private:
    const Script script_;
  };

  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace tributary::testing
