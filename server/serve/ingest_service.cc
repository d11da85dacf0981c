#include "server/serve/ingest_service.h"

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/serve/parse_request.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {
namespace {

namespace proto = ingest::v1;

absl::Status CheckSize(size_t bytes) {
  if (bytes <= limits::kIngestBatchBytesMax) return absl::OkStatus();
  return InvalidField("events", absl::StrCat("take ", bytes, " bytes, at most ",
                                             limits::kIngestBatchBytesMax, " are allowed"));
}

absl::Status CheckCount(int events) {
  if (events <= limits::kIngestMessageEventsMax) return absl::OkStatus();
  return InvalidField("events", absl::StrCat("has ", events, " events, at most ",
                                             limits::kIngestMessageEventsMax, " are allowed"));
}

}  // namespace

// A batch on its way: each outcome has its place, and who brings the last one answers.
struct IngestService::Batch {
  std::vector<IngestEvent> events;
  std::vector<absl::StatusOr<Outcome>> outcomes;
  absl::Status refused;         // of the first event that was not queued
  std::atomic<size_t> open{1};  // outcomes that are to come; one for who queues them
  Reply reply;
};

const google::protobuf::ServiceDescriptor& IngestService::descriptor() {
  return *proto::Event::descriptor()->file()->FindServiceByName("IngestService");
}

IngestService::IngestService(const ModelRegistry& models, Intake intake, Executor& executor,
                             const Clock& clock, RpcMetrics& metrics)
    : intake_(std::move(intake)),
      executor_(executor),
      reader_(models, intake_.decoder, intake_.body_bytes_max, clock),
      streams_(reader_, intake_.offer, executor),
      take_batch_(
          [this](const UnaryCall& call, Reply reply) { TakeBatch(call, std::move(reply)); }) {
  const auto& batch = *descriptor().FindMethodByName("BatchIngestEvents");
  service_.AddUnary(batch, [this, &cells = metrics.Add(batch)](grpc::CallbackServerContext* context,
                                                               const grpc::ByteBuffer* request,
                                                               grpc::ByteBuffer* response) {
    return AnswerLater(executor_, {cells, context, request, response}, take_batch_);
  });
  const auto& stream = *descriptor().FindMethodByName("IngestEvents");
  service_.AddBothStreaming(
      stream, [this, &cells = metrics.Add(stream)](grpc::CallbackServerContext* context) {
        return streams_.Open(context, cells);
      });
}

void IngestService::TakeBatch(const UnaryCall& call, Reply reply) const {
  if (absl::Status status = CheckSize(call.request->Length()); !status.ok()) return reply(status);
  auto request = ParseRequest<proto::BatchIngestEventsRequest>(*call.request);
  if (!request.ok()) return reply(request.status());
  if (absl::Status status = CheckCount(request->events_size()); !status.ok()) return reply(status);

  const auto batch = std::make_shared<Batch>();
  batch->reply = std::move(reply);
  batch->outcomes.resize(static_cast<size_t>(request->events_size()), Outcome());
  DecodeMemory memory;
  const std::string remote_address = AddressOfPeer(call.context->peer());
  for (proto::Event& event : *request->mutable_events()) {
    batch->events.push_back(reader_.Read(std::move(event), remote_address, memory));
  }
  for (size_t i = 0; i < batch->events.size() && batch->refused.ok(); ++i) {
    IngestEvent& event = batch->events[i];
    if (event.refusal.has_value()) continue;
    ++batch->open;
    batch->refused =
        intake_.submit(std::move(event.decoded.delivery),
                       [batch, i, &executor = executor_](const absl::StatusOr<Outcome>& outcome) {
                         batch->outcomes[i] = outcome;
                         Settle(batch, executor);
                       });
    if (!batch->refused.ok()) --batch->open;
  }
  Settle(batch, executor_);
}

// The writer, who mostly brings the last one, must not be kept from its work.
void IngestService::Settle(const std::shared_ptr<Batch>& batch, Executor& executor) {
  if (--batch->open > 0) return;
  executor.Post([batch] { batch->reply(AnswerOf(*batch)); });
}

// If one of them failed the batch does: what was stored stays, and is a DUPLICATE when it is sent
// again.
absl::StatusOr<std::string> IngestService::AnswerOf(const Batch& batch) {
  if (!batch.refused.ok()) return batch.refused;
  proto::BatchIngestEventsResponse response;
  size_t bytes = 0;
  for (size_t i = 0; i < batch.events.size(); ++i) {
    absl::StatusOr<proto::EventResult> result = ResultOf(batch.events[i], batch.outcomes[i]);
    if (!result.ok()) return result.status();
    // Few bytes can break many rules: what is said of them gives way to the results to come.
    if (bytes + result->ByteSizeLong() > limits::kAnswerBytesMax / 3) {
      result->clear_warnings();
      if (result->has_problem()) result->mutable_problem()->clear_errors();
    }
    bytes += result->ByteSizeLong();
    *response.add_results() = *std::move(result);
  }
  return response.SerializeAsString();
}

}  // namespace tributary
