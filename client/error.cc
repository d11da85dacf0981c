#include "client/error.h"

#include <string_view>

#include "absl/strings/cord.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/unknown_field_set.h"

namespace tributary {
inline namespace client {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

constexpr char kReasonMetadata[] = "tributary-reason";

// The google.rpc messages are read by field number, because distributions ship error_details.proto
// without ErrorInfo, or not at all:
//   Status     {int32 code = 1; string message = 2; repeated Any details = 3;}
//   ErrorInfo  {string reason = 1; string domain = 2; map<string, string> metadata = 3;}
//   BadRequest {repeated FieldViolation field_violations = 1;} of {string field = 1; string
//   description = 2;} RetryInfo  {Duration retry_delay = 1;}
constexpr char kErrorInfo[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kBadRequest[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRetryInfo[] = "type.googleapis.com/google.rpc.RetryInfo";

// All strings or messages under `number` in an encoded message; none if it is not one.
std::vector<std::string> Items(const std::string& message, int number) {
  UnknownFieldSet fields;
  std::vector<std::string> items;
  if (!fields.ParseFromString(message)) return items;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED) {
      items.push_back(field.length_delimited());
    }
  }
  return items;
}

std::string Item(const std::string& message, int number) {
  const std::vector<std::string> items = Items(message, number);
  return items.empty() ? "" : items.back();
}

std::string Detail(const absl::Status& status, const char* type) {
  const auto payload = status.GetPayload(type);
  return payload.has_value() ? std::string(*payload) : "";
}

}  // namespace

absl::Status ToAbslStatus(const grpc::Status& status, const grpc::ClientContext& context) {
  // The codes are numerically equal.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  for (const std::string& detail : Items(status.error_details(), 3)) {
    google::protobuf::Any any;
    if (any.ParseFromString(detail)) result.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  // Some proxies drop binary trailers; the reason comes in plain text too.
  if (!result.ok() && ReasonOf(result).empty()) {
    const auto& trailers = context.GetServerTrailingMetadata();
    if (const auto found = trailers.find(kReasonMetadata); found != trailers.end()) {
      UnknownFieldSet info;
      info.AddLengthDelimited(1, {found->second.data(), found->second.size()});
      std::string bytes;
      info.SerializeToString(&bytes);
      result.SetPayload(kErrorInfo, absl::Cord(bytes));
    }
  }
  return result;
}

std::string ReasonOf(const absl::Status& status) { return Item(Detail(status, kErrorInfo), 1); }

std::map<std::string, std::string> MetadataOf(const absl::Status& status) {
  std::map<std::string, std::string> metadata;
  for (const std::string& entry : Items(Detail(status, kErrorInfo), 3)) {
    metadata[Item(entry, 1)] = Item(entry, 2);
  }
  return metadata;
}

std::vector<std::pair<std::string, std::string>> ViolationsOf(const absl::Status& status) {
  std::vector<std::pair<std::string, std::string>> violations;
  for (const std::string& violation : Items(Detail(status, kBadRequest), 1)) {
    violations.emplace_back(Item(violation, 1), Item(violation, 2));
  }
  return violations;
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  google::protobuf::Duration delay;
  const std::vector<std::string> delays = Items(Detail(status, kRetryInfo), 1);
  if (delays.empty() || !delay.ParseFromString(delays.back())) return std::nullopt;
  return absl::Seconds(delay.seconds()) + absl::Nanoseconds(delay.nanos());
}

bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    case absl::StatusCode::kResourceExhausted:
      // Without a reason it is gRPC's own: a message above the limit, which no retry makes smaller.
      return !ReasonOf(status).empty();
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      // What gRPC says of a stream that was reset under way. With a reason, the server means it.
      return ReasonOf(status).empty();
    default:
      return false;
  }
}

}  // namespace client
}  // namespace tributary
