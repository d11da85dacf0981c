#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tributary/widget/v1/card_view.pb.h"

namespace tributary {

// The cards of `answer` in the JSON that the source wants, which leaves out what is absent.
// INVALID_ARGUMENT, naming the field, where something that the source needs is missing, or the
// whole is larger than an answer may be.
absl::StatusOr<std::string> CardsJson(const widget::v1::AnswerCardViewRequest& answer);

}  // namespace tributary
