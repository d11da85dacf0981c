#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tributary::command {

// One delivery, as the source would send it.
struct WebhookRequest {
  std::string address;  // "host:port", with or without "http://"; the port is 8080 if left out
  std::string path;
  std::string connector_id;
  std::string owner_id;
  std::string idempotency_key;
  std::string body;
};

struct WebhookResponse {
  int status = 0;
  std::string body;
  // From the headers: the answer to a card view is the cards, so that its body has no verdict.
  std::string verdict;
  std::string delivery_id;
};

// Posts it once. UNAVAILABLE if there is no answer within `timeout`.
absl::StatusOr<WebhookResponse> PostWebhook(const WebhookRequest& request, absl::Duration timeout);

// A key that is the same for the same text, so that sending it twice is one delivery.
std::string ContentKey(std::string_view text);

}  // namespace tributary::command
