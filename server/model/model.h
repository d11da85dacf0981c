#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace tributary {

class MessagePlan;

// One resource type, compiled at start-up from the descriptor of its message and the options in it
// (tributary/v1/annotations.proto). Immutable, thread-safe.
class Model {
 public:
  // INVALID_ARGUMENT, naming file and field, if the message does not have the frame of every
  // resource, its service or its requests do not have the fields that serving relies on, or an
  // option contradicts its field.
  static absl::StatusOr<std::unique_ptr<const Model>> Compile(
      const google::protobuf::Descriptor* message);
  ~Model();

  const std::string& name() const { return name_; }                         // "crmOpportunity"
  const google::protobuf::Descriptor* message() const { return message_; }  // Opportunity
  const google::protobuf::ServiceDescriptor* service() const {
    return service_;
  }  // OpportunityService
  const MessagePlan& fields() const { return *fields_; }

  // True where the sender of a webhook waits for cards instead of a verdict.
  bool answers_with_cards() const { return answers_with_cards_; }

  // True of the model whose resources define the custom fields of the others. No webhook brings
  // one.
  bool defines_custom_fields() const { return defines_custom_fields_; }

  // For how many days after its last change a resource stays; 0: for ever.
  int retention_days() const { return retention_days_; }

 private:
  Model() = default;

  std::string name_;
  const google::protobuf::Descriptor* message_ = nullptr;
  const google::protobuf::ServiceDescriptor* service_ = nullptr;
  std::unique_ptr<const MessagePlan> fields_;
  bool answers_with_cards_ = false;
  bool defines_custom_fields_ = false;
  int retention_days_ = 0;
};

// All models of this server, in the order they were registered. Immutable, thread-safe.
class ModelRegistry {
 public:
  static absl::StatusOr<ModelRegistry> Build(
      const std::vector<const google::protobuf::Descriptor*>& messages);

  // nullptr if there is no such model.
  const Model* Find(std::string_view name) const;
  // The same, but only if the source sends such resources.
  const Model* FindSent(std::string_view name) const;
  // The model that defines custom fields; nullptr if there is none.
  const Model* field_definitions() const;
  const std::vector<std::unique_ptr<const Model>>& models() const { return models_; }

 private:
  std::vector<std::unique_ptr<const Model>> models_;
};

}  // namespace tributary
