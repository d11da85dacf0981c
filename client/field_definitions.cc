#include "client/field_definitions.h"

#include "absl/strings/str_cat.h"
#include "client/model.h"

namespace tributary {
inline namespace client {
namespace {

using custom::v1::FieldDefinition;
using Fields = FieldDefinition::Fields;

std::string Path(const char* method) {
  static const auto& service =
      *FieldDefinition::descriptor()->file()->FindServiceByName("FieldDefinitionService");
  return PathOf(*service.FindMethodByName(method));
}

template <typename Request>
Request RequestFor(const FieldDefinition& definition) {
  Request request;
  request.set_connector_id(definition.connector_id());
  request.set_owner_id(definition.owner_id());
  return request;
}

absl::Status Update(const std::shared_ptr<grpc::Channel>& channel,
                    const FieldDefinition& definition, const CallOptions& options) {
  auto request = RequestFor<custom::v1::UpdateFieldDefinitionRequest>(definition);
  request.set_id(definition.id());
  *request.mutable_fields() = DeclaredPart(definition);
  // All of them, so that what the definition does not say goes.
  for (int i = 0; i < Fields::descriptor()->field_count(); ++i) {
    const auto& field = *Fields::descriptor()->field(i);
    switch (field.number()) {
      case Fields::kModelFieldNumber:
      case Fields::kKeyFieldNumber:
      case Fields::kOriginFieldNumber:
      case Fields::kObservedTypesFieldNumber:
        break;
      default:
        request.mutable_update_mask()->add_paths(absl::StrCat("fields.", field.name()));
    }
  }
  custom::v1::UpdateFieldDefinitionResponse response;
  return CallUnary(channel, Path("UpdateFieldDefinition"), request, options, response);
}

}  // namespace

Fields DeclaredPart(const FieldDefinition& definition) {
  Fields fields = definition.fields();
  fields.clear_origin();
  fields.clear_observed_types();
  return fields;
}

absl::Status DeclareField(const std::shared_ptr<grpc::Channel>& channel,
                          const FieldDefinition& definition, const CallOptions& options) {
  auto request = RequestFor<custom::v1::CreateFieldDefinitionRequest>(definition);
  *request.mutable_fields() = DeclaredPart(definition);
  custom::v1::CreateFieldDefinitionResponse response;
  const absl::Status created =
      CallUnary(channel, Path("CreateFieldDefinition"), request, options, response);
  if (created.code() != absl::StatusCode::kAlreadyExists) return created;
  return Update(channel, definition, options);
}

absl::Status DeleteField(const std::shared_ptr<grpc::Channel>& channel,
                         const FieldDefinition& definition, const CallOptions& options) {
  auto request = RequestFor<custom::v1::DeleteFieldDefinitionRequest>(definition);
  request.set_id(definition.id());
  custom::v1::DeleteFieldDefinitionResponse response;
  const absl::Status deleted =
      CallUnary(channel, Path("DeleteFieldDefinition"), request, options, response);
  return deleted.code() == absl::StatusCode::kNotFound ? absl::OkStatus() : deleted;
}

}  // namespace client
}  // namespace tributary
