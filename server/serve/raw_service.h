#pragma once

#include <deque>
#include <functional>
#include <string>

#include "google/protobuf/descriptor.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

namespace tributary {

// A gRPC service whose methods come from its descriptor and take and give bytes. This is the one
// place that uses what generated service classes use underneath (grpc::internal handlers); with it
// one implementation serves every model under its own typed names, which reflection lists like any
// others.
//
// Add all methods before the server starts. Handlers run on gRPC's threads and must not block; the
// request of a stream is there only until its handler returns.
class RawService final : public grpc::Service {
 public:
  using Unary = std::function<grpc::ServerUnaryReactor*(
      grpc::CallbackServerContext*, const grpc::ByteBuffer* request, grpc::ByteBuffer* response)>;
  using Streaming = std::function<grpc::ServerWriteReactor<grpc::ByteBuffer>*(
      grpc::CallbackServerContext*, const grpc::ByteBuffer* request)>;

  using BothStreaming = std::function<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*(
      grpc::CallbackServerContext*)>;

  void AddUnary(const google::protobuf::MethodDescriptor& method, Unary handler);
  void AddStreaming(const google::protobuf::MethodDescriptor& method, Streaming handler);
  void AddBothStreaming(const google::protobuf::MethodDescriptor& method, BothStreaming handler);

 private:
  // gRPC keeps pointers to the names, so they must not move.
  const char* Path(const google::protobuf::MethodDescriptor& method);

  std::deque<std::string> paths_;
  int methods_ = 0;
};

}  // namespace tributary
