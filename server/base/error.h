#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace tributary {

// The reasons of `google.rpc.ErrorInfo`: API, listed in docs/errors.md with what a client does.
namespace reason {
inline constexpr std::string_view kResourceNotFound = "RESOURCE_NOT_FOUND";
inline constexpr std::string_view kResourceDeleted = "RESOURCE_DELETED";
inline constexpr std::string_view kResourceAlreadyExists = "RESOURCE_ALREADY_EXISTS";
inline constexpr std::string_view kRevisionChanged = "REVISION_CHANGED";
inline constexpr std::string_view kArgumentInvalid = "ARGUMENT_INVALID";
inline constexpr std::string_view kArgumentNotSupported = "ARGUMENT_NOT_SUPPORTED";
inline constexpr std::string_view kFilterInvalid = "FILTER_INVALID";
inline constexpr std::string_view kPageTokenMalformed = "PAGE_TOKEN_MALFORMED";
inline constexpr std::string_view kPageTokenMismatch = "PAGE_TOKEN_MISMATCH";
inline constexpr std::string_view kPageTokenExpired = "PAGE_TOKEN_EXPIRED";
inline constexpr std::string_view kResumeTokenMalformed = "RESUME_TOKEN_MALFORMED";
inline constexpr std::string_view kResumeTokenOtherStore = "RESUME_TOKEN_OTHER_STORE";
inline constexpr std::string_view kResumeTokenOtherRequest = "RESUME_TOKEN_OTHER_REQUEST";
inline constexpr std::string_view kResumeTokenExpired = "RESUME_TOKEN_EXPIRED";
inline constexpr std::string_view kEventFilterNeedsPosition = "EVENT_FILTER_NEEDS_POSITION";
inline constexpr std::string_view kPositionInFuture = "POSITION_IN_FUTURE";
inline constexpr std::string_view kScopeTooWide = "SCOPE_TOO_WIDE";
inline constexpr std::string_view kRevisionCompacted = "REVISION_COMPACTED";
inline constexpr std::string_view kAnswerTokenUnknown = "ANSWER_TOKEN_UNKNOWN";
inline constexpr std::string_view kCardViewAnswered = "CARD_VIEW_ANSWERED";
inline constexpr std::string_view kCardViewDeadlinePassed = "CARD_VIEW_DEADLINE_PASSED";
inline constexpr std::string_view kServerDraining = "SERVER_DRAINING";
inline constexpr std::string_view kOverloaded = "OVERLOADED";
inline constexpr std::string_view kStoreUnavailable = "STORE_UNAVAILABLE";
inline constexpr std::string_view kStoredDataCorrupt = "STORED_DATA_CORRUPT";
inline constexpr std::string_view kMethodNotFound = "METHOD_NOT_FOUND";
inline constexpr std::string_view kInternal = "INTERNAL";
}  // namespace reason

// What a status says beyond its code and message. It travels in the payloads of absl::Status; the
// edges (serve, ingest) turn it into google.rpc details or into a problem document.
struct ErrorDetail {
  struct Violation {
    std::string field;        // the request field at fault, e.g. "page_token"
    std::string description;  // the rule, e.g. "must not be negative"
  };
  struct Resource {
    std::string type;  // the model
    std::string name;  // connector/owner/id
  };

  std::string reason;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<Violation> violations;
  std::optional<Resource> resource;
  std::optional<int64_t> retry_after_ms;
};

// A status of `code` that carries `detail`. `message` names what, the offending value (clipped) and
// the rule, and never SQL or paths.
absl::Status MakeError(absl::StatusCode code, std::string_view message, ErrorDetail detail);
absl::Status MakeError(absl::StatusCode code, std::string_view message, std::string_view reason);

// INVALID_ARGUMENT, ARGUMENT_INVALID with one violation of `field`.
absl::Status InvalidField(std::string_view field, std::string_view description);

// What MakeError attached; for any other status the reason that its code stands for.
ErrorDetail DetailOf(const absl::Status& status);

}  // namespace tributary
