#include "server/serve/call.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/serve/encode.h"
#include "server/serve/grpc_status.h"

namespace tributary {
namespace {

constexpr char kRequestId[] = "x-request-id";
constexpr size_t kRequestIdBytesMax = 128;

std::string MakeRequestId() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad16), absl::Hex(random(), absl::kZeroPad16));
}

// Printable ASCII only: it goes back as it came.
bool IsUsable(std::string_view id) {
  if (id.empty() || id.size() > kRequestIdBytesMax) return false;
  for (const char c : id) {
    if (c < '!' || c > '~') return false;
  }
  return true;
}

}  // namespace

void ExchangeRequestId(grpc::CallbackServerContext& context) {
  const auto sent = context.client_metadata().find(kRequestId);
  std::string id;
  if (sent != context.client_metadata().end()) id.assign(sent->second.data(), sent->second.size());
  context.AddInitialMetadata(kRequestId, IsUsable(id) ? id : MakeRequestId());
}

grpc::ServerUnaryReactor* AnswerUnary(
    Executor& executor, grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response,
    std::function<absl::StatusOr<std::string>(const grpc::ByteBuffer& request)> work) {
  ExchangeRequestId(*context);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  executor.Post([context, request, response, reactor, work = std::move(work)] {
    if (context->IsCancelled()) {
      reactor->Finish(grpc::Status::CANCELLED);
      return;
    }
    absl::StatusOr<std::string> answer = work(*request);
    if (!answer.ok()) {
      reactor->Finish(ToGrpcStatus(answer.status(), *context));
      return;
    }
    *response = ToByteBuffer(*std::move(answer));
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

}  // namespace tributary
