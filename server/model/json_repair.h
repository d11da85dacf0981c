#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tributary {

// A body in which everything that JavaScript accepts and simdjson does not was replaced.
struct RepairedJson {
  std::string text;
  // Numbers outside a double's range and integers beyond 64 bits, as they were written. In `text`
  // the number i is the string `<nonce>i`.
  std::vector<std::string> numbers;
  std::string nonce;
  bool lone_surrogates = false;  // some were replaced by U+FFFD
};

// `json` must be well-formed (FirstSyntaxError). The nonce is random, so that no sender can write
// such a string.
RepairedJson RepairJson(std::string_view json);

}  // namespace tributary
