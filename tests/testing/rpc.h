#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/impl/codegen/config_protobuf.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/impl/codegen/rpc_method.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/sync_stream.h"

// Calls of any method by its path, typed by the messages: what a generated stub does, without one
// per service.
namespace tributary::testing {

inline std::shared_ptr<grpc::Channel> ChannelTo(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

inline void SetDeadline(grpc::ClientContext& context, int seconds = 20) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

// "/tributary.crm.v1.OpportunityService/GetOpportunity"
template <typename Request, typename Response>
grpc::Status Call(grpc::Channel& channel, const std::string& path, const Request& request,
                  Response* response, grpc::ClientContext* context = nullptr) {
  grpc::ClientContext own;
  if (context == nullptr) context = &own;
  SetDeadline(*context);
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  return grpc::internal::BlockingUnaryCall<Request, Response, grpc::protobuf::MessageLite,
                                           grpc::protobuf::MessageLite>(&channel, method, context,
                                                                        request, response);
}

// A server stream that is read to where the test wants and cancelled with the object.
template <typename Response>
class Stream {
 public:
  template <typename Request>
  Stream(std::shared_ptr<grpc::Channel> channel, const std::string& path, const Request& request,
         int deadline_seconds = 20)
      : channel_(std::move(channel)), path_(path) {
    SetDeadline(context_, deadline_seconds);
    const grpc::internal::RpcMethod method(path_.c_str(),
                                           grpc::internal::RpcMethod::SERVER_STREAMING);
    reader_.reset(grpc::internal::ClientReaderFactory<Response>::Create(channel_.get(), method,
                                                                        &context_, request));
  }
  ~Stream() {
    if (!finished_) {
      context_.TryCancel();
      Response rest;
      while (reader_->Read(&rest)) {
      }
      (void)reader_->Finish();
    }
  }

  // Until the server has taken the call.
  void WaitUntilConnected() { reader_->WaitForInitialMetadata(); }
  bool Read(Response* response) { return reader_->Read(response); }
  grpc::Status Finish() {
    finished_ = true;
    return reader_->Finish();
  }
  grpc::ClientContext& context() { return context_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  const std::string path_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<Response>> reader_;
  bool finished_ = false;
};

// A stream in both directions, which is cancelled with the object.
template <typename Request, typename Response>
class Conversation {
 public:
  Conversation(std::shared_ptr<grpc::Channel> channel, const std::string& path,
               int deadline_seconds = 60)
      : channel_(std::move(channel)), path_(path) {
    SetDeadline(context_, deadline_seconds);
    const grpc::internal::RpcMethod method(path_.c_str(),
                                           grpc::internal::RpcMethod::BIDI_STREAMING);
    stream_.reset(grpc::internal::ClientReaderWriterFactory<Request, Response>::Create(
        channel_.get(), method, &context_));
  }
  ~Conversation() {
    if (finished_) return;
    context_.TryCancel();
    (void)Finish();
  }

  // Until the server has taken the call.
  void WaitUntilConnected() { stream_->WaitForInitialMetadata(); }
  bool Write(const Request& request) { return stream_->Write(request); }
  bool HalfClose() { return stream_->WritesDone(); }
  bool Read(Response* response) { return stream_->Read(response); }
  // Reads what is left, and says how it ended.
  grpc::Status Finish() {
    finished_ = true;
    Response rest;
    while (stream_->Read(&rest)) {
    }
    return stream_->Finish();
  }
  grpc::ClientContext& context() { return context_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  const std::string path_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
  bool finished_ = false;
};

// The reason that the server gave for the failed call of `context`; "" if none.
inline std::string ReasonIn(const grpc::ClientContext& context) {
  const auto found = context.GetServerTrailingMetadata().find("tributary-reason");
  return found == context.GetServerTrailingMetadata().end()
             ? ""
             : std::string(found->second.data(), found->second.size());
}

}  // namespace tributary::testing
