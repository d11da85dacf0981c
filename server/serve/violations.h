#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/base/error.h"

namespace tributary {

// Collects what is wrong with a request, so that a caller sees all of it at once.
class Violations {
 public:
  void Add(std::string_view field, std::string description);

  // The rule for names (ids, connectors, owners): at most 512 bytes, no control characters; not
  // empty where `needed`.
  void CheckName(std::string_view field, std::string_view value, bool needed);

  // INVALID_ARGUMENT, ARGUMENT_INVALID with all of them; OK if there are none.
  absl::Status Finish();

 private:
  ErrorDetail detail_;
};

}  // namespace tributary
