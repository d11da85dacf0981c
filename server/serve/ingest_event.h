#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/model/model.h"
#include "server/model/problem.h"
#include "server/model/webhook_decoder.h"
#include "server/store/types.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {

// An event of IngestService between its request and its result.
struct IngestEvent {
  std::string client_ref;
  DecodedWebhook decoded;          // its delivery is for the writer
  std::optional<Problem> refusal;  // a field of the event is at fault: there is no delivery
};

// Turns events into deliveries: a body as it is, a resource by way of the webhook that would bring
// it. So both keep the same rules, and the ledger can replay both. Thread-safe; what it is given
// must outlive it.
class IngestEventReader {
 public:
  IngestEventReader(const ModelRegistry& models, const WebhookDecoder& decoder,
                    size_t body_bytes_max, const Clock& clock)
      : models_(models), decoder_(decoder), body_bytes_max_(body_bytes_max), clock_(clock) {}

  // `remote_address` is that of the caller, for the ledger.
  IngestEvent Read(ingest::v1::Event event, const std::string& remote_address,
                   DecodeMemory& memory) const;

 private:
  absl::Status Check(const ingest::v1::Event& event, int64_t now_us) const;
  absl::Status CheckResource(const ingest::v1::Event& event) const;
  std::string BodyOf(ingest::v1::Event& event) const;

  const ModelRegistry& models_;
  const WebhookDecoder& decoder_;
  const size_t body_bytes_max_;
  const Clock& clock_;
};

// What became of the event. An outcome that is no verdict is a failure of the call, but for damage
// that the event met in the store: that is its own.
absl::StatusOr<ingest::v1::EventResult> ResultOf(const IngestEvent& event,
                                                 const absl::StatusOr<Outcome>& outcome);

// "127.0.0.1" of gRPC's "ipv4:127.0.0.1:50051".
std::string AddressOfPeer(std::string_view peer);

}  // namespace tributary
