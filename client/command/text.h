#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tributary::command {

// `text` on one line and harmless to a terminal: line breaks and tabs become spaces, other control
// characters, text direction marks and broken UTF-8 become U+FFFD. Values come from outside and may
// hold anything.
std::string OneLine(std::string_view text);

// "<what failed>; again in 1.5s", on one line.
std::string RetryText(const absl::Status& status, absl::Duration wait);

// The columns that a line of OneLine's output takes on a terminal.
size_t DisplayWidth(std::string_view text);

// `text` cut to at most `width` columns, with "…" as the last of them if something was cut.
std::string CutToWidth(std::string_view text, size_t width);

// `text` on one line, at most `width` columns of it, in quotes; a quote in it has a backslash
// before it.
std::string Quoted(std::string_view text, size_t width);

}  // namespace tributary::command
