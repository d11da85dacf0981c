#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/model/model.h"
#include "server/serve/call.h"
#include "server/serve/ingest_event.h"
#include "server/serve/ingest_streams.h"
#include "server/serve/intake.h"
#include "server/serve/raw_service.h"
#include "server/serve/rpc_metrics.h"

namespace tributary {

// tributary.ingest.v1.IngestService: events by the batch, and by the stream. Everything given must
// outlive it. Thread-safe.
class IngestService {
 public:
  IngestService(const ModelRegistry& models, Intake intake, Executor& executor, const Clock& clock,
                RpcMetrics& metrics);

  static const google::protobuf::ServiceDescriptor& descriptor();
  grpc::Service& service() { return service_; }
  IngestStreams& streams() { return streams_; }
  const IngestStreams& streams() const { return streams_; }

 private:
  struct Batch;

  void TakeBatch(const UnaryCall& call, Reply reply) const;
  static void Settle(const std::shared_ptr<Batch>& batch, Executor& executor);
  static absl::StatusOr<std::string> AnswerOf(const Batch& batch);

  const Intake intake_;
  Executor& executor_;
  const IngestEventReader reader_;
  IngestStreams streams_;
  const LaterWork take_batch_;
  RawService service_;
};

}  // namespace tributary
