#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tributary::command {

// The one of `known` that `word` is most likely a slip of; empty if none is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

// " (did you mean X?)" with the nearest of `known`, or nothing.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& known);

}  // namespace tributary::command
