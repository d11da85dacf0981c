#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/model/webhook_decoder.h"

namespace tributary {

// A kind of problem: its reason is API, listed in docs/errors.md, and names its type URI.
struct ProblemType {
  std::string_view reason;
  int status;
  std::string_view title;
};

namespace problem {
inline constexpr ProblemType kEventUnknown{"EVENT_UNKNOWN", 202,
                                           "The model or trigger is not known to this version"};
inline constexpr ProblemType kRequestMalformed{"REQUEST_MALFORMED", 400,
                                               "Not a readable HTTP/1.1 request"};
inline constexpr ProblemType kHeaderMissing{"HEADER_MISSING", 400, "A required header is missing"};
inline constexpr ProblemType kHeaderInvalid{"HEADER_INVALID", 400, "A header breaks its rule"};
inline constexpr ProblemType kHeaderConflict{"HEADER_CONFLICT", 400,
                                             "A header was sent with different values"};
inline constexpr ProblemType kEventInvalid{"EVENT_INVALID", 400,
                                           "A field of the event breaks its rule"};
inline constexpr ProblemType kBodyNotJson{"BODY_NOT_JSON", 400, "The body is not JSON"};
inline constexpr ProblemType kPathNotFound{"PATH_NOT_FOUND", 404, "There is nothing at this path"};
inline constexpr ProblemType kMethodNotAllowed{"METHOD_NOT_ALLOWED", 405,
                                               "The path does not take this method"};
inline constexpr ProblemType kRequestTimeout{"REQUEST_TIMEOUT", 408,
                                             "The request took too long to arrive"};
inline constexpr ProblemType kBodyTooLarge{"BODY_TOO_LARGE", 413, "The body is too large"};
inline constexpr ProblemType kContentTypeNotSupported{"CONTENT_TYPE_NOT_SUPPORTED", 415,
                                                      "The body must be JSON in UTF-8"};
inline constexpr ProblemType kExpectationFailed{"EXPECTATION_FAILED", 417,
                                                "The expectation is not supported"};
inline constexpr ProblemType kEnvelopeInvalid{"ENVELOPE_INVALID", 422,
                                              "The envelope of the webhook is broken"};
inline constexpr ProblemType kContentInvalid{"CONTENT_INVALID", 422,
                                             "A field is out of its contract"};
inline constexpr ProblemType kResourceTooLarge{"RESOURCE_TOO_LARGE", 422,
                                               "The resource is too large to be stored"};
inline constexpr ProblemType kHeadersTooLarge{"HEADERS_TOO_LARGE", 431,
                                              "The headers are too large"};
inline constexpr ProblemType kInternal{"INTERNAL", 500, "The server failed"};
inline constexpr ProblemType kStoredDataCorrupt{"STORED_DATA_CORRUPT", 500,
                                                "Stored data is damaged"};
inline constexpr ProblemType kTransferCodingNotSupported{"TRANSFER_CODING_NOT_SUPPORTED", 501,
                                                         "The transfer coding is not supported"};
inline constexpr ProblemType kServerDraining{"SERVER_DRAINING", 503, "The server is shutting down"};
inline constexpr ProblemType kOverloaded{"OVERLOADED", 503,
                                         "The server has more work than it can queue"};
inline constexpr ProblemType kStoreUnavailable{"STORE_UNAVAILABLE", 503,
                                               "The store cannot write now"};
inline constexpr ProblemType kNotReady{"NOT_READY", 503, "The server is not ready"};
}  // namespace problem

// What is wrong with one header or one place of the body.
struct ProblemFault {
  std::string header;   // "x-owner-id"; empty for the body
  std::string pointer;  // RFC 6901, into the body; meaningless for a header
  std::string detail;   // the rule
  std::string value;    // as sent, clipped
  std::string code{};   // the source's own; empty where it has none
};

// What a problem document (RFC 9457) says, whatever it travels in.
struct Problem {
  ProblemType type = problem::kInternal;
  std::string detail;
  std::vector<ProblemFault> faults;
  std::string delivery_id;  // empty: not on record
  std::optional<int64_t> retry_after_ms;
};

// Bounds of what is told of one problem.
inline constexpr size_t kProblemFaultsMax = 32;
inline constexpr size_t kProblemDetailBytesMax = 1024;

// "HEADER_MISSING" -> "https://tributary.dev/problems/header-missing"
std::string ProblemTypeUri(const ProblemType& type);

// Why a delivery was rejected before it was judged, or parked. `decoded` may have lost its
// delivery.
Problem ProblemOf(const DecodedWebhook& decoded);

// What `status`, which is not OK, stands for: 503 with the time to wait where a retry can succeed.
Problem ProblemOf(const absl::Status& status);

}  // namespace tributary
