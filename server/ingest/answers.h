#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/model/problem.h"
#include "server/model/webhook_decoder.h"
#include "server/store/types.h"

namespace tributary {

// One answer of the HTTP side, before it knows of a connection.
struct HttpAnswer {
  int status = 200;
  std::string_view content_type = "application/json";  // of static storage
  std::string body;
  std::string headers;  // further ones, each a line with its end; clean ASCII
  bool close = false;   // the connection is of no use after it
};

// `problem` as application/problem+json. Whatever bytes it quotes, the document is valid JSON.
HttpAnswer ProblemAnswer(const Problem& problem);

// The problem that `status`, which is not OK, stands for: 503 with Retry-After where a retry can
// succeed.
HttpAnswer StatusAnswer(const absl::Status& status);

// What the sender of a webhook is told once `outcome` is on disk. `decoded` may have lost its
// delivery. Where it wants cards, they are `cards`, as JSON; empty: there are none.
HttpAnswer VerdictAnswer(const DecodedWebhook& decoded, const Outcome& outcome,
                         std::string cards = {});

// {"status":"ok"}
HttpAnswer HealthAnswer();

// "APPLIED"
std::string_view VerdictName(Verdict verdict);

}  // namespace tributary
