#include "server/serve/feed_shape.h"

#include "absl/strings/str_cat.h"

namespace tributary {

absl::StatusOr<FeedShape> FeedShape::Find(const google::protobuf::Descriptor& resource,
                                          const ModelRegistry& models) {
  FeedShape shape;
  for (const auto& model : models.models()) {
    uint32_t number = 0;
    for (int i = 0; i < resource.field_count(); ++i) {
      const google::protobuf::FieldDescriptor& arm = *resource.field(i);
      if (arm.message_type() == model->message()) number = static_cast<uint32_t>(arm.number());
    }
    if (number == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(resource.file()->name(), ": the `oneof` of ", resource.full_name(),
                       " must have a field of type ", model->message()->full_name()));
    }
    shape.arms_.emplace_back(model->name(), number);
  }
  return shape;
}

uint32_t FeedShape::ArmOf(std::string_view model) const {
  // Few models: a walk over their names is as fast as a hash.
  for (const auto& [name, number] : arms_) {
    if (name == model) return number;
  }
  return 0;
}

}  // namespace tributary
