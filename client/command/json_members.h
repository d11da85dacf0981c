#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary::command {

// The members of a JSON object, each as it stands in the text: the key without its quotes, the
// value with them. Looks at no more than where a value ends, so that what a server accepts is not
// refused here (half a surrogate pair, a number of any size); none if the text is no object, or
// goes on behind it.
using JsonMember = std::pair<std::string_view, std::string_view>;
std::optional<std::vector<JsonMember>> JsonMembers(std::string_view text);

}  // namespace tributary::command
