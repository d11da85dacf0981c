#include "server/serve/raw_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/impl/codegen/rpc_service_method.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"

namespace tributary {

const char* RawService::Path(const google::protobuf::MethodDescriptor& method) {
  return paths_.emplace_back(absl::StrCat("/", method.service()->full_name(), "/", method.name()))
      .c_str();
}

void RawService::AddUnary(const google::protobuf::MethodDescriptor& method, Unary handler) {
  AddMethod(new grpc::internal::RpcServiceMethod(Path(method),
                                                 grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
  MarkMethodRawCallback(
      methods_++, new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                      std::move(handler)));
}

void RawService::AddStreaming(const google::protobuf::MethodDescriptor& method, Streaming handler) {
  AddMethod(new grpc::internal::RpcServiceMethod(
      Path(method), grpc::internal::RpcMethod::SERVER_STREAMING, nullptr));
  MarkMethodRawCallback(
      methods_++,
      new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
          [handler = std::move(handler)](grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request) {
            grpc::ServerWriteReactor<grpc::ByteBuffer>* reactor = handler(context, request);
            // gRPC would keep it, and the piece of the connection's read buffer that it lies in, as
            // long as the stream.
            const_cast<grpc::ByteBuffer*>(request)->Clear();
            return reactor;
          }));
}

void RawService::AddBothStreaming(const google::protobuf::MethodDescriptor& method,
                                  BothStreaming handler) {
  AddMethod(new grpc::internal::RpcServiceMethod(
      Path(method), grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
  MarkMethodRawCallback(methods_++,
                        new grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                            std::move(handler)));
}

}  // namespace tributary
