#include "server/serve/error_details.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/base/strings.h"
#include "server/base/wire.h"

namespace tributary {
namespace {

constexpr std::string_view kDomain = "tributary.dev";
constexpr size_t kTextBytesMax = 256;

// Field numbers of google/rpc/status.proto, google/rpc/error_details.proto and
// google/protobuf/any.proto.
enum StatusField : uint32_t { kCode = 1, kMessage = 2, kDetails = 3 };
enum AnyField : uint32_t { kTypeUrl = 1, kValue = 2 };
enum ErrorInfoField : uint32_t { kReason = 1, kErrorDomain = 2, kMetadata = 3 };
enum MapEntryField : uint32_t { kMapKey = 1, kMapValue = 2 };
enum BadRequestField : uint32_t { kFieldViolations = 1 };
enum FieldViolationField : uint32_t { kField = 1, kDescription = 2 };
enum ResourceInfoField : uint32_t { kResourceType = 1, kResourceName = 2 };
enum RetryInfoField : uint32_t { kRetryDelay = 1 };
enum DurationField : uint32_t { kSeconds = 1, kNanos = 2 };

void AppendText(std::string& out, uint32_t field, std::string_view text) {
  wire::AppendBytes(out, field, CutUtf8(text, kTextBytesMax));
}

void AppendDetail(std::string& out, std::string_view type, std::string_view message) {
  std::string any;
  wire::AppendBytes(any, kTypeUrl, absl::StrCat("type.googleapis.com/google.rpc.", Absl(type)));
  wire::AppendBytes(any, kValue, message);
  wire::AppendBytes(out, kDetails, any);
}

std::string ErrorInfo(const ErrorDetail& detail) {
  std::string info;
  wire::AppendBytes(info, kReason, detail.reason);
  wire::AppendBytes(info, kErrorDomain, kDomain);
  for (const auto& [key, value] : detail.metadata) {
    std::string entry;
    AppendText(entry, kMapKey, key);
    AppendText(entry, kMapValue, value);
    wire::AppendBytes(info, kMetadata, entry);
  }
  return info;
}

std::string BadRequest(const ErrorDetail& detail) {
  std::string bad_request;
  for (const auto& violation : detail.violations) {
    std::string encoded;
    AppendText(encoded, kField, violation.field);
    AppendText(encoded, kDescription, violation.description);
    wire::AppendBytes(bad_request, kFieldViolations, encoded);
  }
  return bad_request;
}

std::string ResourceInfo(const ErrorDetail::Resource& resource) {
  std::string info;
  AppendText(info, kResourceType, resource.type);
  AppendText(info, kResourceName, resource.name);
  return info;
}

std::string RetryInfo(int64_t delay_ms) {
  std::string delay;
  wire::AppendUint(delay, kSeconds, static_cast<uint64_t>(delay_ms / 1000));
  wire::AppendUint(delay, kNanos, static_cast<uint64_t>(delay_ms % 1000) * 1'000'000);
  std::string info;
  wire::AppendBytes(info, kRetryDelay, delay);
  return info;
}

}  // namespace

std::string EncodeErrorDetails(absl::StatusCode code, const std::string& message,
                               const ErrorDetail& detail) {
  std::string status;
  wire::AppendUint(status, kCode, static_cast<uint64_t>(code));
  wire::AppendBytes(status, kMessage, message);
  AppendDetail(status, "ErrorInfo", ErrorInfo(detail));
  if (!detail.violations.empty()) AppendDetail(status, "BadRequest", BadRequest(detail));
  if (detail.resource.has_value())
    AppendDetail(status, "ResourceInfo", ResourceInfo(*detail.resource));
  if (detail.retry_after_ms.has_value()) {
    AppendDetail(status, "RetryInfo", RetryInfo(*detail.retry_after_ms));
  }
  return status;
}

}  // namespace tributary
