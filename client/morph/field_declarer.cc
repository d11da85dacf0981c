#include "client/morph/field_declarer.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/field_definitions.h"
#include "client/morph/source_field.h"
#include "client/reflect.h"
#include "google/protobuf/util/message_differencer.h"

namespace tributary {
inline namespace client {

using custom::v1::FieldDefinition;
using Fields = FieldDefinition::Fields;

FieldDeclarer::FieldDeclarer(std::shared_ptr<grpc::Channel> channel, Scope scope,
                             CallOptions options, bool dry_run)
    : channel_(std::move(channel)),
      scope_(std::move(scope)),
      options_(std::move(options)),
      dry_run_(dry_run) {}

absl::Status FieldDeclarer::Declare(const ResourceModel& model, const std::vector<MorphItem>& page,
                                    FieldTotals& totals, std::vector<std::string>& problems) {
  std::vector<FieldDefinition> wanted;
  std::vector<std::string> ids;
  for (const MorphItem& item : page) {
    std::optional<Fields> fields = ReadSourceField(model, item.json);
    if (!fields.has_value()) {
      ++totals.left_out;
      continue;
    }
    FieldDefinition& definition = wanted.emplace_back();
    definition.set_connector_id(scope_.connector_id);
    definition.set_owner_id(scope_.owner_id);
    definition.set_id(absl::StrCat(fields->model(), ".", fields->key()));
    *definition.mutable_fields() = *std::move(fields);
    ids.push_back(definition.id());
  }
  const ResourceClient definitions(channel_, ResourceModel::Of(*FieldDefinition::descriptor()),
                                   scope_, options_);
  const absl::StatusOr<Batch<MessagePtr>> standing = definitions.BatchGet(ids);
  if (!standing.ok()) return standing.status();
  std::map<std::string, const FieldDefinition*> by_id;
  for (const MessagePtr& message : standing->items) {
    by_id[GetString(*message, "id")] =
        google::protobuf::DynamicCastToGenerated<FieldDefinition>(message.get());
  }
  for (const FieldDefinition& definition : wanted) {
    const auto found = by_id.find(definition.id());
    absl::Status status =
        DeclareOne(definition, found == by_id.end() ? nullptr : found->second, totals, problems);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FieldDeclarer::DeclareOne(const FieldDefinition& wanted,
                                       const FieldDefinition* standing, FieldTotals& totals,
                                       std::vector<std::string>& problems) {
  const bool declared =
      standing != nullptr && standing->fields().origin() == Fields::ORIGIN_DECLARED;
  if (declared && google::protobuf::util::MessageDifferencer::Equals(DeclaredPart(*standing),
                                                                     wanted.fields())) {
    ++totals.unchanged;
    return absl::OkStatus();
  }
  if (!dry_run_) {
    absl::Status status = DeclareField(channel_, wanted, options_);
    if (status.code() == absl::StatusCode::kInvalidArgument) {
      ++totals.refused;
      problems.push_back(absl::StrCat(wanted.id(), ": ", std::string(status.message())));
      return absl::OkStatus();
    }
    if (!status.ok()) return status;
  }
  ++(declared ? totals.changed : totals.declared);
  return absl::OkStatus();
}

}  // namespace client
}  // namespace tributary
