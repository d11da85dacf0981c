#include "server/serve/call.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/request_id.h"
#include "server/base/strings.h"
#include "server/serve/encode.h"
#include "server/serve/grpc_status.h"

namespace tributary {
namespace {

constexpr char kRequestId[] = "x-request-id";

std::string MakeRequestId() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad16), absl::Hex(random(), absl::kZeroPad16));
}

}  // namespace

std::string ExchangeRequestId(grpc::CallbackServerContext& context) {
  const auto sent = context.client_metadata().find(kRequestId);
  std::string id;
  if (sent != context.client_metadata().end()) id.assign(sent->second.data(), sent->second.size());
  if (!IsRequestId(id)) id = MakeRequestId();
  context.AddInitialMetadata(kRequestId, id);
  return id;
}

void LogCall(std::string_view method, std::string_view request_id, const absl::Status& status) {
  const bool ours = absl::IsInternal(status) || absl::IsUnknown(status) || absl::IsDataLoss(status);
  const LogLevel level = ours ? LogLevel::kWarning : LogLevel::kDebug;
  if (!IsLogged(level)) return;
  Log(level, absl::StrCat(Absl(method), " request_id=", Absl(request_id), " ", status.ToString()));
}

namespace {

void Finish(const UnaryCall& call, std::string_view request_id, absl::StatusOr<std::string> answer,
            grpc::ServerUnaryReactor& reactor) {
  LogCall(call.method.name, request_id, answer.status());
  call.method.CountCall(answer.status().code());
  call.method.latency.Observe(call.stopwatch.elapsed());
  if (!answer.ok()) {
    reactor.Finish(ToGrpcStatus(answer.status(), *call.context));
    return;
  }
  call.method.bytes.Add(answer->size());
  *call.response = ToByteBuffer(*std::move(answer));
  reactor.Finish(grpc::Status::OK);
}

// True if nobody waits for the answer any more: then it is given.
bool GaveUp(const UnaryCall& call, grpc::ServerUnaryReactor& reactor) {
  if (!call.context->IsCancelled()) return false;
  call.method.CountCall(absl::StatusCode::kCancelled);
  reactor.Finish(grpc::Status::CANCELLED);
  return true;
}

}  // namespace

grpc::ServerUnaryReactor* AnswerHere(const UnaryCall& call, const UnaryWork& work) {
  const std::string request_id = ExchangeRequestId(*call.context);
  grpc::ServerUnaryReactor* reactor = call.context->DefaultReactor();
  Finish(call, request_id, work(*call.request), *reactor);
  return reactor;
}

grpc::ServerUnaryReactor* AnswerOn(Executor& executor, const UnaryCall& call,
                                   const UnaryWork& work) {
  std::string request_id = ExchangeRequestId(*call.context);
  grpc::ServerUnaryReactor* reactor = call.context->DefaultReactor();
  executor.Post([call, reactor, request_id = std::move(request_id), &work] {
    if (GaveUp(call, *reactor)) return;
    Finish(call, request_id, work(*call.request), *reactor);
  });
  return reactor;
}

grpc::ServerUnaryReactor* AnswerLater(Executor& executor, const UnaryCall& call,
                                      const LaterWork& work) {
  std::string request_id = ExchangeRequestId(*call.context);
  grpc::ServerUnaryReactor* reactor = call.context->DefaultReactor();
  executor.Post([call, reactor, request_id = std::move(request_id), &work] {
    if (GaveUp(call, *reactor)) return;
    work(call, [call, reactor, request_id](absl::StatusOr<std::string> answer) {
      Finish(call, request_id, std::move(answer), *reactor);
    });
  });
  return reactor;
}

}  // namespace tributary
