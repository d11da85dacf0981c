#include "server/serve/violations.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/strings.h"

namespace tributary {

void Violations::Add(std::string_view field, std::string description) {
  detail_.violations.push_back({std::string(field), std::move(description)});
}

void Violations::CheckName(std::string_view field, std::string_view value, bool needed) {
  if (needed && value.empty()) Add(field, "must be set");
  if (value.size() > limits::kNameBytesMax) {
    Add(field, absl::StrCat("has ", value.size(), " bytes, at most ", limits::kNameBytesMax,
                            " are allowed"));
  } else if (!IsCleanUtf8(value)) {
    Add(field, absl::StrCat(Clip(value), " holds a control character"));
  }
}

absl::Status Violations::Finish() {
  if (detail_.violations.empty()) return absl::OkStatus();
  detail_.reason = reason::kArgumentInvalid;
  const auto& first = detail_.violations.front();
  std::string message = absl::StrCat(first.field, ": ", first.description);
  if (detail_.violations.size() > 1) {
    absl::StrAppend(&message, " (and ", detail_.violations.size() - 1, " more)");
  }
  return MakeError(absl::StatusCode::kInvalidArgument, message, std::move(detail_));
}

}  // namespace tributary
