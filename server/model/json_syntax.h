#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tributary {

struct NumberToken {
  size_t length = 0;    // 0: no JSON number
  bool integer = true;  // without fraction and exponent
};

// The longest number at the start of `text`, by the grammar of RFC 8259. None of it if a number
// there is malformed, such as 01 or 1.
NumberToken ScanNumber(std::string_view text);

// The bytes of `json` that come before the first one with which it cannot be JSON any more; its
// size if only something is missing at the end. None if it is JSON, of any depth and with numbers
// of any size; half surrogate pairs count as valid.
std::optional<size_t> FirstSyntaxError(std::string_view json);

}  // namespace tributary
