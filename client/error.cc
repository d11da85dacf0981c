#include "client/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace tributary {
inline namespace client {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

constexpr char kReasonMetadata[] = "tributary-reason";

template <typename Detail>
std::string TypeUrl() {
  return absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name());
}

template <typename Detail>
std::optional<Detail> FindDetail(const absl::Status& status) {
  const auto payload = status.GetPayload(TypeUrl<Detail>());
  Detail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

// google.rpc.ErrorInfo, which is younger than the error_details.proto of some distributions. It is read
// by field number: {string reason = 1; string domain = 2; map<string, string> metadata = 3;}.
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr int kReasonField = 1;
constexpr int kMetadataField = 3;
constexpr int kMapKeyField = 1;
constexpr int kMapValueField = 2;

void ReadErrorInfo(const absl::Status& status, UnknownFieldSet& info) {
  const auto payload = status.GetPayload(kErrorInfoUrl);
  if (payload.has_value() && !info.ParseFromString(std::string(*payload))) info.Clear();
}

std::string TextOf(const UnknownFieldSet& message, int number) {
  for (int i = 0; i < message.field_count(); ++i) {
    const UnknownField& field = message.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED) {
      return field.length_delimited();
    }
  }
  return "";
}

}  // namespace

absl::Status ToAbslStatus(const grpc::Status& status, const grpc::ClientContext& context) {
  // The codes are numerically equal.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) {
      result.SetPayload(any.type_url(), absl::Cord(any.value()));
    }
  }
  // Some proxies drop binary trailers; the reason comes in plain text too.
  if (!result.ok() && ReasonOf(result).empty()) {
    const auto& trailers = context.GetServerTrailingMetadata();
    if (const auto found = trailers.find(kReasonMetadata); found != trailers.end()) {
      UnknownFieldSet info;
      info.AddLengthDelimited(kReasonField, {found->second.data(), found->second.size()});
      std::string bytes;
      info.SerializeToString(&bytes);
      result.SetPayload(kErrorInfoUrl, absl::Cord(bytes));
    }
  }
  return result;
}

std::string ReasonOf(const absl::Status& status) {
  UnknownFieldSet info;
  ReadErrorInfo(status, info);
  return TextOf(info, kReasonField);
}

std::map<std::string, std::string> MetadataOf(const absl::Status& status) {
  std::map<std::string, std::string> metadata;
  UnknownFieldSet info;
  ReadErrorInfo(status, info);
  for (int i = 0; i < info.field_count(); ++i) {
    const UnknownField& field = info.field(i);
    UnknownFieldSet entry;
    if (field.number() == kMetadataField && field.type() == UnknownField::TYPE_LENGTH_DELIMITED &&
        entry.ParseFromString(field.length_delimited())) {
      metadata[TextOf(entry, kMapKeyField)] = TextOf(entry, kMapValueField);
    }
  }
  return metadata;
}

std::vector<std::pair<std::string, std::string>> ViolationsOf(const absl::Status& status) {
  std::vector<std::pair<std::string, std::string>> violations;
  if (const auto bad_request = FindDetail<google::rpc::BadRequest>(status)) {
    for (const auto& violation : bad_request->field_violations()) {
      violations.emplace_back(violation.field(), violation.description());
    }
  }
  return violations;
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  const auto retry = FindDetail<google::rpc::RetryInfo>(status);
  if (!retry.has_value()) return std::nullopt;
  return absl::Seconds(retry->retry_delay().seconds()) +
         absl::Nanoseconds(retry->retry_delay().nanos());
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
