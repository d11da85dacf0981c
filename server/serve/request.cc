#include "server/serve/request.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/model/model.h"

namespace tributary {
namespace {

namespace pb = google::protobuf;

// Collects what is wrong with a request, so that a caller sees all of it at once.
class Violations {
 public:
  void Add(std::string_view field, std::string description) {
    detail_.violations.push_back({std::string(field), std::move(description)});
  }

  absl::Status Finish() {
    if (detail_.violations.empty()) return absl::OkStatus();
    detail_.reason = reason::kArgumentInvalid;
    const auto& first = detail_.violations.front();
    std::string message = absl::StrCat(first.field, ": ", first.description);
    if (detail_.violations.size() > 1) {
      absl::StrAppend(&message, " (and ", detail_.violations.size() - 1, " more)");
    }
    return MakeError(absl::StatusCode::kInvalidArgument, message, std::move(detail_));
  }

 private:
  ErrorDetail detail_;
};

// Typed access by name to a message whose class is known only by its descriptor.
class Fields {
 public:
  explicit Fields(const pb::Message& message)
      : message_(message), type_(*message.GetDescriptor()), reflection_(*message.GetReflection()) {}

  bool Has(const char* name) const { return type_.FindFieldByName(name) != nullptr; }

  std::string String(const char* name) const {
    const pb::FieldDescriptor* field = type_.FindFieldByName(name);
    return field == nullptr ? std::string() : reflection_.GetString(message_, field);
  }

  bool Bool(const char* name) const {
    const pb::FieldDescriptor* field = type_.FindFieldByName(name);
    return field != nullptr && reflection_.GetBool(message_, field);
  }

  int Enum(const char* name) const {
    const pb::FieldDescriptor* field = type_.FindFieldByName(name);
    return field == nullptr ? 0 : reflection_.GetEnumValue(message_, field);
  }

  int Int(const char* name) const {
    const pb::FieldDescriptor* field = type_.FindFieldByName(name);
    return field == nullptr ? 0 : reflection_.GetInt32(message_, field);
  }

  std::optional<int64_t> OptionalLong(const char* name) const {
    const pb::FieldDescriptor* field = type_.FindFieldByName(name);
    if (field == nullptr || !reflection_.HasField(message_, field)) return std::nullopt;
    return reflection_.GetInt64(message_, field);
  }

  std::vector<std::string> Strings(const char* name) const {
    std::vector<std::string> all;
    const pb::FieldDescriptor* field = type_.FindFieldByName(name);
    if (field == nullptr) return all;
    for (int i = 0; i < reflection_.FieldSize(message_, field); ++i) {
      all.push_back(reflection_.GetRepeatedString(message_, field, i));
    }
    return all;
  }

  // nullopt if the field is not set.
  std::optional<int64_t> DurationMs(const char* name) const {
    const pb::FieldDescriptor* field = type_.FindFieldByName(name);
    if (field == nullptr || !reflection_.HasField(message_, field)) return std::nullopt;
    const auto& duration =
        *pb::DynamicCastToGenerated<pb::Duration>(&reflection_.GetMessage(message_, field));
    constexpr int64_t kSecondsMax = 1'000'000;  // far past every bound, and far from overflow
    if (duration.seconds() > kSecondsMax) return kSecondsMax * 1000;
    if (duration.seconds() < -kSecondsMax) return -kSecondsMax * 1000;
    return duration.seconds() * 1000 + duration.nanos() / 1'000'000;
  }

 private:
  const pb::Message& message_;
  const pb::Descriptor& type_;
  const pb::Reflection& reflection_;
};

absl::StatusOr<std::unique_ptr<pb::Message>> Parse(const pb::Descriptor* type,
                                                   const grpc::ByteBuffer& bytes) {
  std::unique_ptr<pb::Message> message(
      pb::MessageFactory::generated_factory()->GetPrototype(type)->New());
  grpc::ByteBuffer copy(bytes);  // shares the slices
  if (!grpc::SerializationTraits<pb::Message>::Deserialize(&copy, message.get()).ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("the request is not a well-formed ", type->full_name()),
                     reason::kArgumentInvalid);
  }
  return message;
}

void CheckName(Violations& violations, std::string_view field, const std::string& value) {
  if (value.size() > limits::kNameBytesMax) {
    violations.Add(field, absl::StrCat("has ", value.size(), " bytes, at most ",
                                       limits::kNameBytesMax, " are allowed"));
  } else if (!IsCleanUtf8(value)) {
    violations.Add(field, absl::StrCat(Clip(value), " holds a control character"));
  }
}

void CheckKey(Violations& violations, const Fields& fields, const Request& request) {
  const bool one_scope = fields.Has("id") || fields.Has("ids");
  const auto check = [&](std::string_view name, const std::string& value, bool needed) {
    if (needed && value.empty()) violations.Add(name, "must be set");
    CheckName(violations, name, value);
  };
  check("connector_id", request.connector_id, one_scope);
  check("owner_id", request.owner_id, one_scope);
  if (fields.Has("id")) check("id", request.id, true);
  if (!fields.Has("ids")) return;
  if (request.ids.empty()) violations.Add("ids", "must name at least one resource");
  if (request.ids.size() > limits::kBatchGetIdsMax) {
    violations.Add("ids", absl::StrCat("names ", request.ids.size(), " resources, at most ",
                                       limits::kBatchGetIdsMax, " are allowed"));
    return;
  }
  for (size_t i = 0; i < request.ids.size(); ++i) {
    const std::string name = absl::StrCat("ids[", i, "]");
    if (request.ids[i].empty()) violations.Add(name, "must not be empty");
    CheckName(violations, name, request.ids[i]);
  }
}

void ReadEnums(Violations& violations, const Fields& fields, Request& request) {
  switch (const int view = fields.Enum("view")) {
    case 0:
    case 1:
      break;
    case 2:
      request.view = View::kFull;
      break;
    default:
      violations.Add("view", absl::StrCat(view, " is no value of tributary.v1.View"));
  }
  switch (const int start = fields.Enum("start")) {
    case 0:
    case 1:
      break;
    case 2:
      request.start = WatchStart::kNow;
      break;
    case 3:
      request.start = WatchStart::kBeginning;
      break;
    default:
      violations.Add("start", absl::StrCat(start, " is no value of tributary.v1.WatchStart"));
  }
}

void ReadNumbers(Violations& violations, const Fields& fields, Request& request) {
  request.page_size = fields.Int("page_size");
  if (request.page_size < 0) {
    violations.Add("page_size", absl::StrCat(request.page_size, " must not be negative"));
  } else if (request.page_size == 0) {
    request.page_size = limits::kPageSizeDefault;
  } else if (request.page_size > limits::kPageSizeMax) {
    request.page_size = limits::kPageSizeMax;
  }
  request.after_revision = fields.OptionalLong("after_revision");
  if (request.after_revision.value_or(0) < 0) {
    violations.Add("after_revision",
                   absl::StrCat(*request.after_revision, " must not be negative"));
  }
  request.heartbeat_ms =
      fields.DurationMs("heartbeat_interval").value_or(limits::kHeartbeatMsDefault);
  if (request.heartbeat_ms < limits::kHeartbeatMsMin ||
      request.heartbeat_ms > limits::kHeartbeatMsMax) {
    violations.Add("heartbeat_interval",
                   absl::StrCat(request.heartbeat_ms, " ms is outside 1 s to 5 min"));
  }
}

// What a later version will understand is refused, never ignored.
absl::Status RefuseUnsupported(const Request& request) {
  const auto refuse = [](std::string_view field) {
    ErrorDetail detail;
    detail.reason = reason::kArgumentNotSupported;
    detail.violations.push_back(
        {std::string(field), "is not supported by this version; leave it empty"});
    return MakeError(absl::StatusCode::kInvalidArgument,
                     absl::StrCat(Absl(field), " is not supported by this version; leave it empty"),
                     std::move(detail));
  };
  if (!request.filter.empty()) return refuse("filter");
  if (!request.order_by.empty()) return refuse("order_by");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Request> ReadRequest(const pb::Descriptor* type, const grpc::ByteBuffer& bytes) {
  TRIBUTARY_ASSIGN_OR_RETURN(const std::unique_ptr<pb::Message> message, Parse(type, bytes));
  const Fields fields(*message);
  Request request;
  request.connector_id = fields.String("connector_id");
  request.owner_id = fields.String("owner_id");
  request.id = fields.String("id");
  request.ids = fields.Strings("ids");
  request.filter = fields.String("filter");
  request.page_token = fields.String("page_token");
  request.order_by = fields.String("order_by");
  request.resume_token = fields.String("resume_token");
  request.include_previous = fields.Bool("include_previous");
  request.stop_at_head = fields.Bool("stop_at_head");

  Violations violations;
  CheckKey(violations, fields, request);
  ReadEnums(violations, fields, request);
  ReadNumbers(violations, fields, request);
  TRIBUTARY_RETURN_IF_ERROR(violations.Finish());
  TRIBUTARY_RETURN_IF_ERROR(RefuseUnsupported(request));
  return request;
}

}  // namespace tributary
