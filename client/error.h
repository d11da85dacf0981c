#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

// What a call that failed says. The code and message are those of the status; the details that the
// server sends (google.rpc.ErrorInfo and others) become payloads of the status, and are read from
// it here:
//
//   absl::StatusOr<Opportunity> deal = deals.Get("311");
//   if (ReasonOf(deal.status()) == "RESOURCE_DELETED") { … MetadataOf(deal.status())["revision"] …
//   }
namespace tributary {
inline namespace client {

// The status of a finished call with all that came with it.
absl::Status ToAbslStatus(const grpc::Status& status, const grpc::ClientContext& context);

// The reason of google.rpc.ErrorInfo, such as "RESOURCE_NOT_FOUND"; empty if the failure did not
// come from a Tributary server: a proxy, or a connection that could not be made.
std::string ReasonOf(const absl::Status& status);

// The metadata of google.rpc.ErrorInfo, such as `oldest_revision`.
std::map<std::string, std::string> MetadataOf(const absl::Status& status);

// The request fields at fault, each with the rule that it broke.
std::vector<std::pair<std::string, std::string>> ViolationsOf(const absl::Status& status);

// How long the server asks to wait before the next attempt.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

// True if the same request may succeed a little later: the server is away, draining or overloaded,
// or something on the way cut the connection.
bool IsTransient(const absl::Status& status);

}  // namespace client
}  // namespace tributary
