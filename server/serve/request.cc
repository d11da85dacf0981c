#include "server/serve/request.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/slice.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/serve/violations.h"

namespace tributary {
namespace {

void CheckKey(Violations& violations, const Request& request, bool names_one, bool names_many) {
  violations.CheckName("connector_id", request.connector_id, names_one || names_many);
  violations.CheckName("owner_id", request.owner_id, names_one || names_many);
  if (names_one) violations.CheckName("id", request.id, true);
  if (!names_many) return;
  if (request.ids.empty()) violations.Add("ids", "must name at least one resource");
  if (request.ids.size() > limits::kBatchGetIdsMax) {
    violations.Add("ids", absl::StrCat("names ", request.ids.size(), " resources, at most ",
                                       limits::kBatchGetIdsMax, " are allowed"));
    return;
  }
  for (size_t i = 0; i < request.ids.size(); ++i) {
    const std::string name = absl::StrCat("ids[", i, "]");
    if (request.ids[i].empty()) violations.Add(name, "must not be empty");
    violations.CheckName(name, request.ids[i], false);
  }
}

void CheckNumbers(Violations& violations, Request& request) {
  if (request.page_size < 0) {
    violations.Add("page_size", absl::StrCat(request.page_size, " must not be negative"));
  } else if (request.page_size == 0) {
    request.page_size = limits::kPageSizeDefault;
  } else if (request.page_size > limits::kPageSizeMax) {
    request.page_size = limits::kPageSizeMax;
  }
  if (request.after_revision.value_or(0) < 0) {
    violations.Add("after_revision",
                   absl::StrCat(*request.after_revision, " must not be negative"));
  }
  // 0 is what a caller sends that has no revision, by accident: before the first change is nothing.
  if (request.read_revision.value_or(1) < 1) {
    violations.Add("read_revision", absl::StrCat(*request.read_revision,
                                                 " must be 1 or more; absent is the newest"));
  }
  if (request.expand.size() > limits::kExpandMax) {
    violations.Add("expand", absl::StrCat("names ", request.expand.size(), " fields, at most ",
                                          limits::kExpandMax, " are allowed"));
  }
  if (request.heartbeat_ms < limits::kHeartbeatMsMin ||
      request.heartbeat_ms > limits::kHeartbeatMsMax) {
    violations.Add("heartbeat_interval",
                   absl::StrCat(request.heartbeat_ms, " ms is outside 1 s to 5 min"));
  }
}

// nullopt if `bytes` is no google.protobuf.Duration.
std::optional<int64_t> DurationMs(std::string_view bytes) {
  int64_t seconds = 0;
  int64_t nanos = 0;
  wire::Reader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->type != wire::Type::kVarint) continue;
    if (field->number == 1) seconds = static_cast<int64_t>(field->varint);
    if (field->number == 2) nanos = static_cast<int32_t>(field->varint);
  }
  if (!reader.ok()) return std::nullopt;
  constexpr int64_t kSecondsMax = 1'000'000;  // far past every bound, and far from overflow
  return std::clamp(seconds, -kSecondsMax, kSecondsMax) * 1000 + nanos / 1'000'000;
}

}  // namespace

// A request as it was sent: enums may hold any number.
struct RequestReader::Draft {
  Request request;
  int view = 0;
  int start = 0;

  void CheckEnums(Violations& violations) {
    if (view == 2) {
      request.view = View::kFull;
    } else if (view != 0 && view != 1) {
      violations.Add("view", absl::StrCat(view, " is no value of tributary.v1.View"));
    }
    if (start == 2) {
      request.start = WatchStart::kNow;
    } else if (start == 3) {
      request.start = WatchStart::kBeginning;
    } else if (start != 0 && start != 1) {
      violations.Add("start", absl::StrCat(start, " is no value of tributary.v1.WatchStart"));
    }
  }
};

struct RequestReader::NamedTake {
  std::string_view name;
  Take take;
};

namespace {

// Protobuf takes no string that is not UTF-8, and skips a field of another type than it knows.
template <typename Draft, std::string Request::*member>
bool TakeString(const wire::Field& field, Draft& draft) {
  if (field.type != wire::Type::kBytes) return true;
  draft.request.*member = field.bytes;
  return IsUtf8(field.bytes);
}

template <typename Draft, std::vector<std::string> Request::*member>
bool TakeStrings(const wire::Field& field, Draft& draft) {
  if (field.type != wire::Type::kBytes) return true;
  (draft.request.*member).emplace_back(field.bytes);
  return IsUtf8(field.bytes);
}

template <typename Draft, std::optional<int64_t> Request::*member>
bool TakeRevision(const wire::Field& field, Draft& draft) {
  if (field.type == wire::Type::kVarint) {
    draft.request.*member = static_cast<int64_t>(field.varint);
  }
  return true;
}

template <typename Draft, auto member>
bool TakeNumber(const wire::Field& field, Draft& draft) {
  using Number = std::remove_reference_t<decltype(draft.request.*member)>;
  if (field.type == wire::Type::kVarint) draft.request.*member = static_cast<Number>(field.varint);
  return true;
}

}  // namespace

const RequestReader::NamedTake RequestReader::kTakes[] = {
    {"connector_id", &TakeString<Draft, &Request::connector_id>},
    {"owner_id", &TakeString<Draft, &Request::owner_id>},
    {"id", &TakeString<Draft, &Request::id>},
    {"filter", &TakeString<Draft, &Request::filter>},
    {"page_token", &TakeString<Draft, &Request::page_token>},
    {"order_by", &TakeString<Draft, &Request::order_by>},
    {"resume_token", &TakeString<Draft, &Request::resume_token>},
    {"page_size", &TakeNumber<Draft, &Request::page_size>},
    {"include_previous", &TakeNumber<Draft, &Request::include_previous>},
    {"stop_at_head", &TakeNumber<Draft, &Request::stop_at_head>},
    {"ids", &TakeStrings<Draft, &Request::ids>},
    {"models", &TakeStrings<Draft, &Request::models>},
    {"expand", &TakeStrings<Draft, &Request::expand>},
    {"view",
     [](const wire::Field& field, Draft& draft) {
       if (field.type == wire::Type::kVarint) draft.view = static_cast<int>(field.varint);
       return true;
     }},
    {"start",
     [](const wire::Field& field, Draft& draft) {
       if (field.type == wire::Type::kVarint) draft.start = static_cast<int>(field.varint);
       return true;
     }},
    {"after_revision", &TakeRevision<Draft, &Request::after_revision>},
    {"read_revision", &TakeRevision<Draft, &Request::read_revision>},
    {"heartbeat_interval",
     [](const wire::Field& field, Draft& draft) {
       if (field.type != wire::Type::kBytes) return true;
       const std::optional<int64_t> interval_ms = DurationMs(field.bytes);
       draft.request.heartbeat_ms = interval_ms.value_or(0);
       return interval_ms.has_value();
     }},
};

RequestReader::RequestReader(const google::protobuf::Descriptor& type)
    : type_(type),
      names_one_(type.FindFieldByName("id") != nullptr),
      names_many_(type.FindFieldByName("ids") != nullptr) {
  for (const NamedTake& known : kTakes) {
    const auto* field = type.FindFieldByName(std::string(known.name));
    if (field != nullptr) takes_.at(static_cast<size_t>(field->number())) = known.take;
  }
}

absl::StatusOr<Request> RequestReader::Read(const grpc::ByteBuffer& bytes) const {
  grpc::Slice slice;
  bool well_formed = bytes.TrySingleSlice(&slice).ok() ||
                     bytes.DumpToSingleSlice(&slice).ok();  // it mostly is one
  Draft draft;
  draft.request.heartbeat_ms = limits::kHeartbeatMsDefault;
  wire::Reader reader({reinterpret_cast<const char*>(slice.begin()), slice.size()});
  while (const auto field = reader.Next()) {
    const Take take = field->number < takes_.size() ? takes_[field->number] : nullptr;
    if (take != nullptr) well_formed = take(*field, draft) && well_formed;
  }
  if (!well_formed || !reader.ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("the request is not a well-formed ", type_.full_name()),
                     reason::kArgumentInvalid);
  }
  Violations violations;
  CheckKey(violations, draft.request, names_one_, names_many_);
  draft.CheckEnums(violations);
  CheckNumbers(violations, draft.request);
  TRIBUTARY_RETURN_IF_ERROR(violations.Finish());
  return std::move(draft.request);
}

}  // namespace tributary
