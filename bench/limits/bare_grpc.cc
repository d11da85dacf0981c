// The least that a gRPC server can do: answers bytes that are made once. What it reaches is the
// limit of any service on gRPC's callback interface. Methods of /bench.Bare, whose request is text:
//
//   Unary   "MESSAGE ITEM"        one message of so many bytes, made of fields 1 of so many bytes
//   Stream  "MESSAGE ITEM COUNT"  so many such messages, one after the other
//   Idle    anything              a small message, then nothing for ever
//
//   bare_grpc    listens on 127.0.0.1, prints the port

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "bench/load/grpc_client.h"
#include "grpcpp/impl/codegen/rpc_service_method.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/wire.h"

namespace {

struct Order {
  size_t message = 1;
  size_t item = 1;
  int64_t count = 1;
  bool operator<(const Order& other) const {
    return std::pair(message, item) < std::pair(other.message, other.item);
  }
};

Order ReadOrder(const grpc::ByteBuffer& request) {
  const std::string text = bench::ToString(request);
  char* rest = nullptr;
  Order order;
  order.message = std::strtoull(text.c_str(), &rest, 10);
  order.item = std::strtoull(rest, &rest, 10);
  order.count = std::strtoll(rest, nullptr, 10);
  return order;
}

// Messages by their size, each made once: answering one copies nothing.
class Messages {
 public:
  grpc::ByteBuffer Get(const Order& order) {
    const std::lock_guard lock(mutex_);
    auto found = messages_.find(order);
    if (found == messages_.end()) found = messages_.emplace(order, Make(order)).first;
    return found->second;
  }

 private:
  static grpc::ByteBuffer Make(const Order& order) {
    std::string bytes;
    while (bytes.size() < order.message)
      tributary::wire::AppendBytes(bytes, 1, std::string(order.item, 'x'));
    return bench::ToBuffer(bytes);
  }

  std::mutex mutex_;
  std::map<Order, grpc::ByteBuffer> messages_;
};

class Streamer final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  Streamer(grpc::ByteBuffer message, int64_t count, bool stays)
      : message_(std::move(message)), left_(count), stays_(stays) {
    Next();
  }

  void OnWriteDone(bool ok) override {
    if (ok) return Next();
    End(grpc::Status::CANCELLED);
  }
  void OnCancel() override {
    if (stays_) End(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (left_ > 0) {
      --left_;
      StartWrite(&message_);
    } else if (!stays_) {
      End(grpc::Status::OK);
    }
  }

  // A cancelled stream may be told of it twice: here and by its last write.
  void End(const grpc::Status& status) {
    if (!ended_.exchange(true)) Finish(status);
  }

  const grpc::ByteBuffer message_;
  int64_t left_;
  const bool stays_;
  std::atomic<bool> ended_{false};
};

class BareService final : public grpc::Service {
 public:
  BareService() {
    AddMethod(new grpc::internal::RpcServiceMethod("/bench.Bare/Unary",
                                                   grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        0, new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
               [this](grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                      grpc::ByteBuffer* response) {
                 *response = messages_.Get(ReadOrder(*request));
                 auto* reactor = context->DefaultReactor();
                 reactor->Finish(grpc::Status::OK);
                 return reactor;
               }));
    AddStreaming("/bench.Bare/Stream", 1, [this](const grpc::ByteBuffer& request) {
      const Order order = ReadOrder(request);
      return new Streamer(messages_.Get(order), order.count, false);
    });
    AddStreaming("/bench.Bare/Idle", 2, [this](const grpc::ByteBuffer&) {
      return new Streamer(messages_.Get(Order{.message = 64, .item = 64}), 1, true);
    });
  }

 private:
  template <typename Make>
  void AddStreaming(const char* path, int index, Make make) {
    AddMethod(new grpc::internal::RpcServiceMethod(
        path, grpc::internal::RpcMethod::SERVER_STREAMING, nullptr));
    MarkMethodRawCallback(
        index,
        new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
            [make](grpc::CallbackServerContext*, const grpc::ByteBuffer* request)
                -> grpc::ServerWriteReactor<grpc::ByteBuffer>* { return make(*request); }));
  }

  Messages messages_;
};

}  // namespace

int main() {
  BareService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::printf("listening %d\n", port);
  std::fflush(stdout);
  server->Wait();
}
