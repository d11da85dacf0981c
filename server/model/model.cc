#include "server/model/model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/model/field_plan.h"
#include "server/model/shape.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary {
namespace {

using google::protobuf::Descriptor;

absl::Status Unfit(const Descriptor* message, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(message->file()->name(), ": ", message->full_name(), " ", Absl(why)));
}

}  // namespace

Model::~Model() = default;

absl::StatusOr<std::unique_ptr<const Model>> Model::Compile(const Descriptor* message) {
  const v1::ResourceRule& rule = message->options().GetExtension(v1::resource);
  if (rule.model().empty())
    return Unfit(message, "must have the option (tributary.v1.resource).model");
  TRIBUTARY_RETURN_IF_ERROR(CheckFrame(message));

  auto model = std::unique_ptr<Model>(new Model());
  model->name_ = rule.model();
  model->message_ = message;
  TRIBUTARY_ASSIGN_OR_RETURN(model->service_, FindService(message));
  TRIBUTARY_ASSIGN_OR_RETURN(model->fields_,
                             MessagePlan::Compile(message->FindFieldByNumber(4)->message_type()));
  model->defines_custom_fields_ = rule.defines_custom_fields();
  model->answers_with_cards_ = rule.answer() == v1::ResourceRule::ANSWER_CARDS;
  model->retention_days_ = static_cast<int>(rule.retention_days());
  return model;
}

absl::StatusOr<ModelRegistry> ModelRegistry::Build(const std::vector<const Descriptor*>& messages) {
  ModelRegistry registry;
  for (const Descriptor* message : messages) {
    TRIBUTARY_ASSIGN_OR_RETURN(std::unique_ptr<const Model> model, Model::Compile(message));
    if (registry.Find(model->name()) != nullptr) {
      return Unfit(message, absl::StrCat("is the second message of the model ", model->name()));
    }
    if (model->defines_custom_fields() && registry.field_definitions() != nullptr) {
      return Unfit(message, "is the second message that defines custom fields");
    }
    registry.models_.push_back(std::move(model));
  }
  return registry;
}

const Model* ModelRegistry::Find(std::string_view name) const {
  // Few models, asked for once per webhook or call: a walk over their names is as fast as a hash.
  for (const std::unique_ptr<const Model>& model : models_) {
    if (model->name() == name) return model.get();
  }
  return nullptr;
}

const Model* ModelRegistry::FindSent(std::string_view name) const {
  const Model* model = Find(name);
  return model == nullptr || model->defines_custom_fields() ? nullptr : model;
}

const Model* ModelRegistry::field_definitions() const {
  for (const std::unique_ptr<const Model>& model : models_) {
    if (model->defines_custom_fields()) return model.get();
  }
  return nullptr;
}

}  // namespace tributary
