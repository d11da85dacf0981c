#pragma once

#include <cstdint>
#include <string>

#include "absl/flags/declare.h"
#include "bench/load/webhook.h"

// What several verbs take. Verbs declare flags that are theirs alone where they read them.
ABSL_DECLARE_FLAG(std::string, target);
ABSL_DECLARE_FLAG(double, seconds);
ABSL_DECLARE_FLAG(double, warmup);
ABSL_DECLARE_FLAG(int, connections);
ABSL_DECLARE_FLAG(int, in_flight);
ABSL_DECLARE_FLAG(double, rate);
ABSL_DECLARE_FLAG(int64_t, count);
ABSL_DECLARE_FLAG(std::string, method);
ABSL_DECLARE_FLAG(std::string, raw_request);

namespace bench {

WebhookMix MixFromFlags();

}  // namespace bench
