#pragma once

#include <cstddef>
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

// The same for one of very many, which may not crowd out webhooks. False: there is no room;
// `delivery` is left as it is, and `room` is called once there may be some, on the writer's thread.
using Offer = std::function<absl::StatusOr<bool>(
    Delivery& delivery, std::function<void(const absl::StatusOr<Outcome>&)> answer,
    std::function<void()> room)>;

// The way that every webhook takes, for calls that write.
struct Intake {
  const WebhookDecoder& decoder;
  Submit submit;
  Offer offer;
  size_t body_bytes_max = 0;  // of a webhook
};

}  // namespace tributary
