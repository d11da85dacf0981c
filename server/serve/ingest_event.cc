#include "server/serve/ingest_event.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/base/error.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/model/source_text.h"
#include "server/model/time_text.h"
#include "server/serve/delivery_message.h"
#include "server/serve/violations.h"

namespace tributary {
namespace {

namespace proto = ingest::v1;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kTriggers[] = {"created", "updated", "deleted"};

// The arm of the resource that is set; null if none is, or one of a newer version.
const FieldDescriptor* ArmOf(const feed::v1::Resource& resource) {
  std::vector<const FieldDescriptor*> set;
  resource.GetReflection()->ListFields(resource, &set);
  return set.empty() ? nullptr : set.front();
}

const Message& ResourceIn(const feed::v1::Resource& resource, const FieldDescriptor& arm) {
  return resource.GetReflection()->GetMessage(resource, &arm);
}

const Model* ModelOf(const ModelRegistry& models, const FieldDescriptor& arm) {
  for (const auto& model : models.models()) {
    if (model->message() == arm.message_type()) return model.get();
  }
  return nullptr;
}

// Of the frame: connector_id is 1, owner_id 2.
std::string FrameText(const Message& resource, int number) {
  return resource.GetReflection()->GetString(resource,
                                             resource.GetDescriptor()->FindFieldByNumber(number));
}

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return Instant{time.seconds(), time.nanos()}.Micros();
}

void CheckObservedAt(const google::protobuf::Timestamp& time, int64_t now_us,
                     Violations& violations) {
  const std::string text = InstantText({time.seconds(), time.nanos()});
  if (text.empty()) {
    violations.Add("observed_at", absl::StrCat(time.seconds(), " s and ", time.nanos(),
                                               " ns must be a time of the years 1 to 9999"));
  } else if (MicrosOf(time) > now_us + limits::kFutureMicrosMax) {
    violations.Add("observed_at", absl::StrCat(text, " must not lie in the future"));
  }
}

// So an event that is sent again has the same key, also one that was made anew from the same file.
std::string KeyOf(std::string_view body, const proto::Event& event) {
  Hasher hasher;
  hasher.Add(body);
  if (event.has_observed_at()) hasher.Add(event.observed_at().SerializeAsString());
  const Digest digest = hasher.Finish();
  return absl::StrCat(absl::Hex(digest.high, absl::kZeroPad16),
                      absl::Hex(digest.low, absl::kZeroPad16));
}

Problem ProblemOfEvent(const absl::Status& status) {
  Problem problem;
  problem.type = problem::kEventInvalid;
  problem.detail = std::string(Std(status.message()));
  for (const ErrorDetail::Violation& violation : DetailOf(status).violations) {
    problem.faults.push_back({"", violation.field, violation.description, ""});
  }
  return problem;
}

proto::Problem ToMessage(const Problem& problem) {
  proto::Problem message;
  message.set_type(ProblemTypeUri(problem.type));
  message.set_title(std::string(problem.type.title));
  message.set_status(problem.type.status);
  message.set_detail(std::string(CutUtf8(problem.detail, kProblemDetailBytesMax)));
  for (size_t i = 0; i < std::min(problem.faults.size(), kProblemFaultsMax); ++i) {
    const ProblemFault& fault = problem.faults[i];
    proto::Problem::Fault& error = *message.add_errors();
    error.set_pointer(fault.pointer);
    error.set_code(fault.code);
    error.set_detail(fault.detail);
    error.set_value(fault.value);
  }
  return message;
}

v1::Warning ToMessage(const Fault& fault) {
  v1::Warning warning;
  warning.set_code(fault.code);
  warning.set_message(fault.detail);
  warning.set_field(fault.path);
  warning.set_value(fault.value);
  warning.set_origin(v1::Warning::ORIGIN_TRIBUTARY);
  return warning;
}

}  // namespace

absl::Status IngestEventReader::CheckResource(const proto::Event& event) const {
  Violations violations;
  const FieldDescriptor* arm = ArmOf(event.resource());
  const Model* model = arm == nullptr ? nullptr : ModelOf(models_, *arm);
  if (model == nullptr) {
    violations.Add("resource", "must hold a resource of a model that this version knows");
    return violations.Finish();
  }
  const std::string path = absl::StrCat("resource.", arm->name());
  if (model->defines_custom_fields()) {
    violations.Add(path, absl::StrCat("must be declared with ", model->service()->full_name(),
                                      ": definitions of custom fields are made here"));
    return violations.Finish();
  }
  const Message& resource = ResourceIn(event.resource(), *arm);
  for (const auto& [number, name, expected] : {std::tuple{1, "connector_id", &event.connector_id()},
                                               std::tuple{2, "owner_id", &event.owner_id()}}) {
    const std::string own = FrameText(resource, number);
    if (own.empty() || own == *expected) continue;
    violations.Add(absl::StrCat(path, ".", name),
                   absl::StrCat(Clip(own), " must be empty or that of the event"));
  }
  if (!event.trigger().empty() && std::find(std::begin(kTriggers), std::end(kTriggers),
                                            event.trigger()) == std::end(kTriggers)) {
    violations.Add("trigger",
                   absl::StrCat(Clip(event.trigger()), " must be created, updated or deleted"));
  }
  return violations.Finish();
}

absl::Status IngestEventReader::Check(const proto::Event& event, int64_t now_us) const {
  Violations violations;
  violations.CheckName("connector_id", event.connector_id(), true);
  violations.CheckName("owner_id", event.owner_id(), true);
  violations.CheckName("idempotency_key", event.idempotency_key(), false);
  if (event.client_ref().size() > limits::kNameBytesMax) {
    violations.Add("client_ref", absl::StrCat("has ", event.client_ref().size(), " bytes, at most ",
                                              limits::kNameBytesMax, " are allowed"));
  }
  if (event.has_observed_at()) CheckObservedAt(event.observed_at(), now_us, violations);
  switch (event.content_case()) {
    case proto::Event::kResource:
      break;
    case proto::Event::kBody:
      if (!event.trigger().empty()) {
        violations.Add("trigger", absl::StrCat(Clip(event.trigger()),
                                               " must be empty: a body says it itself"));
      }
      if (event.body().size() > body_bytes_max_) {
        violations.Add("body", absl::StrCat("has ", event.body().size(), " bytes, at most ",
                                            body_bytes_max_, " are allowed"));
      }
      break;
    case proto::Event::CONTENT_NOT_SET:
      violations.Add("body", "must be set, or resource");
  }
  absl::Status status = violations.Finish();
  if (status.ok() && event.has_resource()) status = CheckResource(event);
  return status;
}

std::string IngestEventReader::BodyOf(proto::Event& event) const {
  if (event.content_case() == proto::Event::kBody) return std::move(*event.mutable_body());
  const FieldDescriptor& arm = *ArmOf(event.resource());
  return WebhookText(*ModelOf(models_, arm), ResourceIn(event.resource(), arm),
                     event.trigger().empty() ? "updated" : event.trigger());
}

IngestEvent IngestEventReader::Read(proto::Event event, const std::string& remote_address,
                                    DecodeMemory& memory) const {
  const int64_t now_us = clock_.NowMicros();
  IngestEvent read;
  read.client_ref = std::string(CutUtf8(event.client_ref(), limits::kNameBytesMax));
  if (const absl::Status status = Check(event, now_us); !status.ok()) {
    read.refusal = ProblemOfEvent(status);
    return read;
  }
  std::string body = BodyOf(event);
  const WebhookHeaders headers{
      event.connector_id(), event.owner_id(),
      event.idempotency_key().empty() ? KeyOf(body, event) : event.idempotency_key()};
  read.decoded = decoder_.Decode(headers, std::move(body), now_us, memory);
  read.decoded.delivery.remote_address = remote_address;
  if (event.has_observed_at()) read.decoded.delivery.observed_us = MicrosOf(event.observed_at());
  return read;
}

absl::StatusOr<proto::EventResult> ResultOf(const IngestEvent& event,
                                            const absl::StatusOr<Outcome>& outcome) {
  proto::EventResult result;
  result.set_client_ref(event.client_ref);
  if (event.refusal.has_value() || absl::IsDataLoss(outcome.status())) {
    result.set_verdict(proto::VERDICT_REJECTED);
    *result.mutable_problem() =
        ToMessage(event.refusal.has_value() ? *event.refusal : ProblemOf(outcome.status()));
    return result;
  }
  if (!outcome.ok()) return outcome.status();
  result.set_delivery_id(DeliveryId(outcome->delivery));
  result.set_verdict(ToMessage(outcome->verdict));
  result.set_revision(outcome->revision);
  if (outcome->verdict == Verdict::kRejected || outcome->verdict == Verdict::kParked) {
    *result.mutable_problem() = ToMessage(ProblemOf(event.decoded));
  } else {
    for (const Fault& warning : event.decoded.warnings) *result.add_warnings() = ToMessage(warning);
  }
  return result;
}

std::string AddressOfPeer(std::string_view peer) {
  const size_t scheme = peer.find(':');
  if (scheme == peer.npos || !peer.starts_with("ip")) return std::string(peer);
  peer.remove_prefix(scheme + 1);
  peer = peer.substr(0, peer.rfind(':'));
  std::string address = absl::StrReplaceAll(
      Absl(peer), {{"%5B", ""}, {"%5D", ""}, {"%25", "%"}, {"[", ""}, {"]", ""}});
  return address;
}

}  // namespace tributary
