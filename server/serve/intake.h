#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/model/webhook_decoder.h"
#include "server/store/types.h"

namespace tributary {

// Queues a delivery for the writer, which calls `answer` once it is durable. A status: it was not
// taken, and `answer` is never called.
using Submit = std::function<absl::Status(
    Delivery delivery, std::function<void(const absl::StatusOr<Outcome>&)> answer)>;

// The way that every webhook takes, for calls that write.
struct Intake {
  const WebhookDecoder& decoder;
  Submit submit;
};

}  // namespace tributary
