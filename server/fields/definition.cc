#include "server/fields/definition.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/time_util.h"
#include "server/base/limits.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

using google::protobuf::util::TimeUtil;

Mutation MutationOf(Key key, const FieldDefinition& definition, Revision expected) {
  Mutation mutation;
  mutation.key = std::move(key);
  mutation.rank = Rank::kEmbedded;
  mutation.state = EncodeDefinition(definition);
  mutation.expected = expected;
  return mutation;
}

}  // namespace

std::string DefinitionId(std::string_view model, std::string_view field_key) {
  return absl::StrCat(Absl(model), ".", Absl(field_key));
}

std::optional<DefinedField> ParseDefinitionId(std::string_view id) {
  const size_t dot = id.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 == id.size()) return std::nullopt;
  return DefinedField{id.substr(0, dot), id.substr(dot + 1)};
}

bool IsDefinable(std::string_view field_key) {
  return !field_key.empty() && field_key.size() <= limits::kCustomKeyBytesMax &&
         IsCleanUtf8(field_key);
}

FieldDefinition ParseDefinition(std::string_view state) {
  FieldDefinition definition;
  // What is stored was encoded here, and its row was checked.
  (void)definition.ParseFromArray(state.data(), static_cast<int>(state.size()));
  return definition;
}

std::string EncodeDefinition(const FieldDefinition& definition) {
  std::string state;
  google::protobuf::io::StringOutputStream stream(&state);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);  // `remote.metadata` is a map
  (void)definition.SerializeToCodedStream(&out);
  return state;
}

uint32_t ObservedTypes(const FieldDefinition& definition) {
  uint32_t observed = 0;
  for (const int type : definition.fields().observed_types()) {
    observed |= BitOf(static_cast<FieldType>(type));
  }
  return observed;
}

void AddObservedTypes(const FieldDefinition& other, FieldDefinition& definition) {
  for (const int type : other.fields().observed_types()) {
    if ((ObservedTypes(definition) & BitOf(static_cast<FieldType>(type))) != 0) continue;
    definition.mutable_fields()->add_observed_types(static_cast<FieldType>(type));
  }
}

FieldOptions OptionsOf(const FieldDefinition& definition) {
  FieldOptions options;
  for (const auto& option : definition.fields().options()) options.insert(option.value());
  return options;
}

Mutation DiscoveryOf(Key key, FieldType type, int64_t now_us) {
  const DefinedField field = ParseDefinitionId(key.id).value_or(DefinedField{});
  FieldDefinition definition;
  definition.set_connector_id(key.connector_id);
  definition.set_owner_id(key.owner_id);
  definition.set_id(key.id);
  FieldDefinition::Fields& fields = *definition.mutable_fields();
  fields.set_model(std::string(field.model));
  fields.set_key(std::string(field.key));
  fields.set_type(type);
  fields.set_origin(FieldDefinition::Fields::ORIGIN_DISCOVERED);
  fields.add_observed_types(type);
  *definition.mutable_created_at() = TimeUtil::MicrosecondsToTimestamp(now_us);
  *definition.mutable_updated_at() = definition.created_at();
  return MutationOf(std::move(key), definition, 0);
}

std::optional<Mutation> ObservationOf(const Record& record, FieldType type, int64_t now_us) {
  FieldDefinition definition = ParseDefinition(record.state);
  if ((ObservedTypes(definition) & BitOf(type)) != 0) return std::nullopt;
  definition.mutable_fields()->add_observed_types(type);
  *definition.mutable_updated_at() = TimeUtil::MicrosecondsToTimestamp(now_us);
  return MutationOf(record.key, definition, record.revision);
}

}  // namespace tributary
