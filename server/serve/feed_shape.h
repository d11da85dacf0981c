#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/model/model.h"

namespace tributary {

// Under which number each model stands in the `oneof` of tributary.feed.v1.Resource. Immutable,
// thread-safe.
class FeedShape {
 public:
  // Finds the arm of each model by the type of its message. FAILED_PRECONDITION, naming the line
  // that is missing, if one has none.
  static absl::StatusOr<FeedShape> Find(const google::protobuf::Descriptor& resource,
                                        const ModelRegistry& models);

  // Of a registered model.
  uint32_t ArmOf(std::string_view model) const;

 private:
  std::vector<std::pair<std::string_view, uint32_t>> arms_;
};

}  // namespace tributary
