#include "server/serve/field_definition_service.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "server/base/error.h"
#include "server/base/hash.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/fields/definition_rules.h"
#include "server/serve/encode.h"
#include "server/serve/not_found.h"
#include "server/serve/parse_request.h"
#include "server/serve/violations.h"

namespace tributary {
namespace {

using google::protobuf::util::TimeUtil;

// Another call was faster so often only where many change one definition without end.
constexpr int kAttemptsMax = 10;

// Field numbers of the answers.
constexpr uint32_t kFieldDefinition = 1;
constexpr uint32_t kRevision = 1;

void AddAll(ViolationList list, Violations& violations) {
  for (auto& [field, description] : list) violations.Add(field, std::move(description));
}

template <typename Request>
void CheckKey(const Request& request, Violations& violations) {
  violations.CheckName("connector_id", request.connector_id(), true);
  violations.CheckName("owner_id", request.owner_id(), true);
}

absl::Status AlreadyExists(const Record& record) {
  ErrorDetail detail;
  detail.reason = reason::kResourceAlreadyExists;
  detail.metadata.emplace_back("revision", absl::StrCat(record.revision));
  detail.resource = {record.key.model, absl::StrCat(record.key.connector_id, "/",
                                                    record.key.owner_id, "/", record.key.id)};
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat(record.key.model, " ", Clip(record.key.id), " is declared already"),
                   std::move(detail));
}

absl::Status RevisionChanged(const Key& key, Revision revision) {
  ErrorDetail detail;
  detail.reason = reason::kRevisionChanged;
  detail.metadata.emplace_back("revision", absl::StrCat(revision));
  return MakeError(absl::StatusCode::kAborted,
                   absl::StrCat(key.model, " ", Clip(key.id),
                                " was changed meanwhile: it is at "
                                "revision ",
                                revision),
                   std::move(detail));
}

std::string AnswerOf(const Record& record) {
  std::string answer;
  AppendResource(answer, kFieldDefinition, record, View::kBasic);
  return answer;
}

// The state of `key` with these fields, declared.
Mutation DeclarationOf(const Key& key, DefinitionFields fields, const FieldDefinition* before,
                       int64_t now_us) {
  FieldDefinition definition;
  definition.set_connector_id(key.connector_id);
  definition.set_owner_id(key.owner_id);
  definition.set_id(key.id);
  *definition.mutable_fields() = std::move(fields);
  definition.mutable_fields()->set_origin(DefinitionFields::ORIGIN_DECLARED);
  *definition.mutable_updated_at() = TimeUtil::MicrosecondsToTimestamp(now_us);
  *definition.mutable_created_at() =
      before == nullptr ? definition.updated_at() : before->created_at();
  Mutation mutation;
  mutation.key = key;
  mutation.rank = before == nullptr ? Rank::kCreated : Rank::kUpdated;
  mutation.state = EncodeDefinition(definition);
  return mutation;
}

bool IsSame(const DefinitionFields& a, const DefinitionFields& b) {
  FieldDefinition one;
  FieldDefinition other;
  *one.mutable_fields() = a;
  *other.mutable_fields() = b;
  return EncodeDefinition(one) == EncodeDefinition(other);
}

}  // namespace

// A call under way, from attempt to attempt.
struct FieldDefinitionService::Call {
  Key key;
  std::string_view trigger;     // of the delivery
  std::string idempotency_key;  // likewise; empty: none
  Digest content;               // of the request
  Revision expected = 0;        // by the caller; 0: whatever stands
  // What to do about `stands`, which is none where nothing does, or a tombstone.
  std::function<absl::StatusOr<Step>(const std::optional<Record>& stands, int64_t now_us)> plan;
  bool deletes = false;
  int attempts = 0;
  Reply reply;
};

FieldDefinitionService::FieldDefinitionService(Context context, RawService& service)
    : context_(std::move(context)), model_(*context_.models.field_definitions()) {
  works_.reserve(3);
  Add("Create", &FieldDefinitionService::ReadCreate, service);
  Add("Update", &FieldDefinitionService::ReadUpdate, service);
  Add("Delete", &FieldDefinitionService::ReadDelete, service);
}

void FieldDefinitionService::Add(std::string_view verb, Read read, RawService& service) {
  const google::protobuf::MethodDescriptor* method =
      model_.service()->FindMethodByName(absl::StrCat(Absl(verb), model_.message()->name()));
  MethodMetrics& cells = context_.metrics.Add(*method);
  const LaterWork& work = works_.emplace_back([this, read](const UnaryCall& unary, Reply reply) {
    absl::StatusOr<CallPtr> call = (this->*read)(*unary.request);
    if (!call.ok()) return reply(call.status());
    (*call)->reply = std::move(reply);
    Try(*call);
  });
  service.AddUnary(
      *method, [this, &cells, &work](grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
        return AnswerLater(context_.executor, {cells, context, request, response}, work);
      });
}

Key FieldDefinitionService::KeyOf(std::string_view connector_id, std::string_view owner_id,
                                  std::string_view id) const {
  return {model_.name(), std::string(connector_id), std::string(owner_id), std::string(id)};
}

// A call for the definition that `request` names by its id, perhaps at a revision.
template <typename Request>
absl::StatusOr<FieldDefinitionService::CallPtr> FieldDefinitionService::Begin(
    const Request& request, std::string_view trigger) const {
  Violations violations;
  CheckKey(request, violations);
  violations.CheckName("id", request.id(), true);
  if (request.revision() < 0) {
    violations.Add("revision", absl::StrCat(request.revision(), " must not be negative"));
  }
  TRIBUTARY_RETURN_IF_ERROR(violations.Finish());
  auto call = std::make_shared<Call>();
  call->key = KeyOf(request.connector_id(), request.owner_id(), request.id());
  call->trigger = trigger;
  call->expected = request.revision();
  return call;
}

absl::StatusOr<FieldDefinitionService::CallPtr> FieldDefinitionService::ReadCreate(
    const grpc::ByteBuffer& bytes) const {
  TRIBUTARY_ASSIGN_OR_RETURN(auto request,
                             ParseRequest<custom::v1::CreateFieldDefinitionRequest>(bytes));
  Violations violations;
  CheckKey(request, violations);
  violations.CheckName("request_id", request.request_id(), false);
  AddAll(CheckSettable(request.fields()), violations);
  AddAll(CheckDefinition(request.fields(), context_.models), violations);
  TRIBUTARY_RETURN_IF_ERROR(violations.Finish());

  auto call = std::make_shared<Call>();
  call->key = KeyOf(request.connector_id(), request.owner_id(),
                    DefinitionId(request.fields().model(), request.fields().key()));
  call->trigger = "created";
  call->idempotency_key = request.request_id();
  FieldDefinition asked;
  *asked.mutable_fields() = request.fields();
  call->content = Hasher().Add(EncodeDefinition(asked)).Finish();
  call->plan = [call = call.get(), fields = request.fields()](
                   const std::optional<Record>& stands, int64_t now_us) -> absl::StatusOr<Step> {
    if (!stands.has_value() || stands->deleted) {
      return Step{DeclarationOf(call->key, fields, nullptr, now_us), {}};
    }
    const FieldDefinition before = ParseDefinition(stands->state);
    if (before.fields().origin() == DefinitionFields::ORIGIN_DECLARED) {
      // This very request may have declared it: then the writer knows.
      if (call->idempotency_key.empty() || call->attempts > 1) return AlreadyExists(*stands);
      Mutation again = DeclarationOf(call->key, fields, nullptr, now_us);
      again.expected = 0;
      return Step{std::move(again), {}};
    }
    DefinitionFields declared = fields;
    *declared.mutable_observed_types() = before.fields().observed_types();
    return Step{DeclarationOf(call->key, std::move(declared), &before, now_us), {}};
  };
  return call;
}

absl::StatusOr<FieldDefinitionService::CallPtr> FieldDefinitionService::ReadUpdate(
    const grpc::ByteBuffer& bytes) const {
  TRIBUTARY_ASSIGN_OR_RETURN(auto request,
                             ParseRequest<custom::v1::UpdateFieldDefinitionRequest>(bytes));
  TRIBUTARY_ASSIGN_OR_RETURN(const CallPtr call, Begin(request, "updated"));
  call->plan = [call = call.get(), request = std::move(request), &models = context_.models](
                   const std::optional<Record>& stands, int64_t now_us) -> absl::StatusOr<Step> {
    if (!stands.has_value() || stands->deleted) {
      return NotFound(call->key, stands.has_value() ? &*stands : nullptr);
    }
    const FieldDefinition before = ParseDefinition(stands->state);
    DefinitionFields fields = before.fields();
    Violations faults;
    AddAll(MergeDefinition(request.fields(), request.update_mask(), fields), faults);
    AddAll(CheckDefinition(fields, models), faults);
    TRIBUTARY_RETURN_IF_ERROR(faults.Finish());
    fields.set_origin(DefinitionFields::ORIGIN_DECLARED);
    if (IsSame(fields, before.fields())) return Step{std::nullopt, AnswerOf(*stands)};
    return Step{DeclarationOf(call->key, std::move(fields), &before, now_us), {}};
  };
  return call;
}

absl::StatusOr<FieldDefinitionService::CallPtr> FieldDefinitionService::ReadDelete(
    const grpc::ByteBuffer& bytes) const {
  TRIBUTARY_ASSIGN_OR_RETURN(auto request,
                             ParseRequest<custom::v1::DeleteFieldDefinitionRequest>(bytes));
  TRIBUTARY_ASSIGN_OR_RETURN(const CallPtr call, Begin(request, "deleted"));
  call->deletes = true;
  call->plan = [call = call.get()](const std::optional<Record>& stands,
                                   int64_t) -> absl::StatusOr<Step> {
    if (!stands.has_value() || stands->deleted) {
      return NotFound(call->key, stands.has_value() ? &*stands : nullptr);
    }
    Mutation mutation;
    mutation.key = call->key;
    mutation.rank = Rank::kDeleted;
    return Step{std::move(mutation), {}};
  };
  return call;
}

void FieldDefinitionService::Try(const CallPtr& call) const {
  const int64_t now_us = context_.clock.NowMicros();
  ++call->attempts;
  absl::StatusOr<std::optional<Record>> stands = context_.store.Get(call->key, false);
  if (!stands.ok()) return call->reply(stands.status());
  const bool is_there = stands->has_value() && !(*stands)->deleted;
  if (is_there && call->expected != 0 && call->expected != (*stands)->revision) {
    return call->reply(RevisionChanged(call->key, (*stands)->revision));
  }
  absl::StatusOr<Step> step = call->plan(*stands, now_us);
  if (!step.ok()) return call->reply(step.status());
  if (!step->mutation.has_value()) return call->reply(std::move(step->answer));

  Mutation& mutation = *step->mutation;
  if (!mutation.expected.has_value()) {
    mutation.expected = stands->has_value() ? (*stands)->revision : 0;
  }
  Delivery delivery;
  delivery.connector_id = call->key.connector_id;
  delivery.owner_id = call->key.owner_id;
  delivery.event = absl::StrCat(call->key.model, "::", Absl(call->trigger));
  delivery.resource_id = call->key.id;
  delivery.idempotency_key = call->idempotency_key;
  delivery.content = call->content;
  delivery.arrived_us = now_us;
  delivery.mutations.push_back(mutation);
  const absl::Status taken = context_.submit(
      std::move(delivery),
      [this, call, mutation = std::move(mutation)](const absl::StatusOr<Outcome>& outcome) {
        Take(call, mutation, outcome);
      });
  if (!taken.ok()) call->reply(taken);
}

// On the writer's thread, which must not wait: what reads goes back to the executor.
void FieldDefinitionService::Take(const CallPtr& call, const Mutation& mutation,
                                  const absl::StatusOr<Outcome>& outcome) const {
  if (!outcome.ok()) return call->reply(outcome.status());
  const Revision revision = outcome->revision;
  switch (outcome->verdict) {
    case Verdict::kApplied:
    case Verdict::kUnchanged: {
      std::string answer;
      if (call->deletes) {
        wire::AppendUint(answer, kRevision, static_cast<uint64_t>(revision));
      } else {
        answer = AnswerOf({.key = mutation.key,
                           .revision = revision,
                           .deleted = false,
                           .state = mutation.state,
                           .raw = {}});
      }
      return call->reply(std::move(answer));
    }
    case Verdict::kDuplicate:
      return context_.executor.Post([this, call, revision] { AnswerAsFirst(call, revision); });
    default:
      break;
  }
  if (call->attempts >= kAttemptsMax) return call->reply(RevisionChanged(call->key, revision));
  context_.executor.Post([this, call] { Try(call); });
}

// The request was carried out before: its answer is what it made then, or what is left of it.
void FieldDefinitionService::AnswerAsFirst(const CallPtr& call, Revision revision) const {
  absl::StatusOr<std::optional<Record>> record = context_.store.Get(call->key, false, revision);
  if (absl::IsOutOfRange(record.status())) record = context_.store.Get(call->key, false);
  if (!record.ok()) return call->reply(record.status());
  if (!record->has_value()) return call->reply(NotFound(call->key, nullptr));
  if ((*record)->deleted) return call->reply(NotFound(call->key, &**record));
  call->reply(AnswerOf(**record));
}

}  // namespace tributary
