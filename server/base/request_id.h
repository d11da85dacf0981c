#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace tributary {

// Whether a caller's `x-request-id` can be sent back and logged as it came: 1 to 128 printable
// ASCII characters without spaces. Both edges, HTTP and gRPC, make one of their own otherwise.
inline bool IsRequestId(std::string_view id) {
  constexpr size_t kBytesMax = 128;
  return !id.empty() && id.size() <= kBytesMax &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace tributary
