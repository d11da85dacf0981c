#include "server/base/error.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

// Payload keys. The index keeps violations and metadata in the order they were given.
constexpr std::string_view kReason = "tributary/reason";
constexpr std::string_view kMetadata = "tributary/metadata/";
constexpr std::string_view kViolation = "tributary/violation/";
constexpr std::string_view kResource = "tributary/resource/";
constexpr std::string_view kRetryAfter = "tributary/retry_after_ms";

constexpr size_t kViolationsMax = 10;
constexpr size_t kMetadataValueBytesMax = 256;

void Set(absl::Status& status, std::string_view prefix, std::string_view name,
         std::string_view value) {
  status.SetPayload(absl::StrCat(Absl(prefix), Absl(name)), absl::Cord(Absl(value)));
}

std::string_view ReasonOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return reason::kArgumentInvalid;
    case absl::StatusCode::kNotFound:
      return reason::kResourceNotFound;
    case absl::StatusCode::kUnavailable:
      return reason::kStoreUnavailable;
    case absl::StatusCode::kResourceExhausted:
      return reason::kOverloaded;
    case absl::StatusCode::kDataLoss:
      return reason::kStoredDataCorrupt;
    case absl::StatusCode::kUnimplemented:
      return reason::kMethodNotFound;
    default:
      return reason::kInternal;
  }
}

// "tributary/violation/0003/page_token" -> {3, "page_token"}
std::pair<int, std::string> SplitIndexed(std::string_view rest) {
  int index = 0;
  const size_t slash = rest.find('/');
  (void)absl::SimpleAtoi(Absl(rest.substr(0, slash)), &index);
  return {index, std::string(rest.substr(slash + 1))};
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view message, ErrorDetail detail) {
  absl::Status status(code, Absl(message));
  Set(status, kReason, "", detail.reason);
  for (size_t i = 0; i < detail.metadata.size(); ++i) {
    const auto& [key, value] = detail.metadata[i];
    Set(status, kMetadata, absl::StrCat(i, "/", key), CutUtf8(value, kMetadataValueBytesMax));
  }
  for (size_t i = 0; i < std::min(detail.violations.size(), kViolationsMax); ++i) {
    const auto& violation = detail.violations[i];
    Set(status, kViolation, absl::StrCat(i, "/", violation.field), violation.description);
  }
  if (detail.resource.has_value())
    Set(status, kResource, detail.resource->type, detail.resource->name);
  if (detail.retry_after_ms.has_value())
    Set(status, kRetryAfter, "", absl::StrCat(*detail.retry_after_ms));
  return status;
}

absl::Status MakeError(absl::StatusCode code, std::string_view message, std::string_view reason) {
  ErrorDetail detail;
  detail.reason = reason;
  return MakeError(code, message, std::move(detail));
}

absl::Status InvalidField(std::string_view field, std::string_view description) {
  ErrorDetail detail;
  detail.reason = reason::kArgumentInvalid;
  detail.violations.push_back({std::string(field), std::string(description)});
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(Absl(field), ": ", Absl(description)), std::move(detail));
}

ErrorDetail DetailOf(const absl::Status& status) {
  ErrorDetail detail;
  std::vector<std::pair<int, std::pair<std::string, std::string>>> metadata;
  std::vector<std::pair<int, ErrorDetail::Violation>> violations;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    const std::string_view key = Std(url);
    std::string value(payload);
    if (key == kReason) {
      detail.reason = std::move(value);
    } else if (key.starts_with(kMetadata)) {
      auto [index, name] = SplitIndexed(key.substr(kMetadata.size()));
      metadata.push_back({index, {std::move(name), std::move(value)}});
    } else if (key.starts_with(kViolation)) {
      auto [index, field] = SplitIndexed(key.substr(kViolation.size()));
      violations.push_back({index, {std::move(field), std::move(value)}});
    } else if (key.starts_with(kResource)) {
      detail.resource = {std::string(key.substr(kResource.size())), std::move(value)};
    } else if (int64_t ms = 0; key == kRetryAfter && absl::SimpleAtoi(value, &ms)) {
      detail.retry_after_ms = ms;
    }
  });
  const auto by_index = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(metadata.begin(), metadata.end(), by_index);
  std::sort(violations.begin(), violations.end(), by_index);
  for (auto& [index, entry] : metadata) detail.metadata.push_back(std::move(entry));
  for (auto& [index, violation] : violations) detail.violations.push_back(std::move(violation));
  if (detail.reason.empty()) detail.reason = ReasonOf(status.code());
  return detail;
}

}  // namespace tributary
