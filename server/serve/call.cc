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

grpc::ServerUnaryReactor* AnswerUnary(
    Executor& executor, MethodMetrics& method, grpc::CallbackServerContext* context,
    const grpc::ByteBuffer* request, grpc::ByteBuffer* response,
    std::function<absl::StatusOr<std::string>(const grpc::ByteBuffer& request)> work) {
  std::string request_id = ExchangeRequestId(*context);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  executor.Post([&method, context, request, response, reactor, stopwatch = Stopwatch(),
                 request_id = std::move(request_id), work = std::move(work)] {
    if (context->IsCancelled()) {
      method.CountCall(absl::StatusCode::kCancelled);
      reactor->Finish(grpc::Status::CANCELLED);
      return;
    }
    absl::StatusOr<std::string> answer = work(*request);
    LogCall(method.name, request_id, answer.status());
    method.CountCall(answer.status().code());
    method.latency.Observe(stopwatch.elapsed());
    if (!answer.ok()) {
      reactor->Finish(ToGrpcStatus(answer.status(), *context));
      return;
    }
    method.bytes.Add(answer->size());
    *response = ToByteBuffer(*std::move(answer));
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

}  // namespace tributary
