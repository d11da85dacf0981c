#include "bench/load/flags.h"

#include "absl/flags/flag.h"

ABSL_FLAG(std::string, target, "127.0.0.1:8080", "host:port of the server.");
ABSL_FLAG(double, seconds, 5, "How long to measure.");
ABSL_FLAG(double, warmup, 0.3, "How long to drive the load before that.");
ABSL_FLAG(int, connections, 64, "Connections to the server.");
ABSL_FLAG(int, in_flight, 64, "gRPC calls under way at once.");
ABSL_FLAG(double, rate, 0, "Requests per second; 0: as many as are answered.");
ABSL_FLAG(int64_t, count, 0, "Stop after so many requests in place of a time.");
ABSL_FLAG(std::string, method, "", "Call this gRPC method instead, with --raw_request.");
ABSL_FLAG(std::string, raw_request, "", "Bytes of the request to --method.");

ABSL_FLAG(int64_t, resources, 100'000, "Resources that the load is spread over.");
ABSL_FLAG(std::string, owner, "acme", "Owner of the resources.");
ABSL_FLAG(int, owners, 0, "More than 0: --owner is a prefix of so many owners.");
ABSL_FLAG(int, stages, 10, "Stages that the resources are spread over.");
ABSL_FLAG(bool, move_stages, false, "Half of the webhooks put their resource in another stage.");
ABSL_FLAG(bool, in_sequence, false, "One resource after the other, to fill a store.");

namespace bench {

WebhookMix MixFromFlags() {
  return {.resources = absl::GetFlag(FLAGS_resources),
          .owner = absl::GetFlag(FLAGS_owner),
          .owners = absl::GetFlag(FLAGS_owners),
          .stages = absl::GetFlag(FLAGS_stages),
          .move_stages = absl::GetFlag(FLAGS_move_stages),
          .in_sequence = absl::GetFlag(FLAGS_in_sequence)};
}

}  // namespace bench
