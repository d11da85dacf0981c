#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/filter/filter.h"
#include "server/filter/syntax.h"
#include "server/filter/view.h"

namespace tributary::filter {

// A reference that is stepped through, and what is asked of its target.
struct Step {
  std::string model;
  std::vector<Edge> through;
  View target;
};

// A filter, ready to be evaluated.
struct Program {
  Expression root;
  View current;
  View previous;
  std::vector<Step> steps;
  Terms beyond = 0;   // terms of targets
  Terms changed = 0;  // terms that are changed()
  bool is_event = false;
  std::vector<Filter::Requirement> requirements;
};

// FILTER_INVALID if the filter does not fit the resource or its use.
absl::StatusOr<Program> CompileProgram(std::string_view text,
                                       const google::protobuf::Descriptor& resource,
                                       Filter::Use use, Subject subject);

}  // namespace tributary::filter
