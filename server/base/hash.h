#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tributary {

// A 128-bit hash that tells contents apart. Not for secrets: an attacker can construct collisions.
struct Digest {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Digest&) const = default;
};

// XXH3-128 over a sequence of pieces, each with its length, so that ("ab","c") and ("a","bc")
// differ.
class Hasher {
 public:
  Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Hasher& Add(std::string_view piece);
  Digest Finish() const;

 private:
  // An XXH3_state_t, whose header stays out of ours.
  alignas(64) std::array<std::byte, 576> state_;
};

// CRC-32C (Castagnoli) of `bytes`, continuing from `crc` (0 to begin).
uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0);

}  // namespace tributary
