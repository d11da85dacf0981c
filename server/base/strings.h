#pragma once

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace tributary {

// Debian's Abseil has a string_view of its own; these two cross the border in both directions.
inline absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view Std(absl::string_view text) { return {text.data(), text.size()}; }

// `text`, quoted, cut at a UTF-8 boundary to at most `max_bytes`, control characters escaped: what
// an error message may repeat of a value that came from outside.
std::string Clip(std::string_view text, size_t max_bytes = 128);

// True if `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

// True if `text` is well-formed UTF-8 without control characters (U+0000..U+001F, U+007F..U+009F):
// the rule for ids, connectors, owners and idempotency keys.
bool IsCleanUtf8(std::string_view text);

// Removes a UTF-8 sequence that was cut at the end of `text`, so that at most `max_bytes` remain.
std::string_view CutUtf8(std::string_view text, size_t max_bytes);

}  // namespace tributary
