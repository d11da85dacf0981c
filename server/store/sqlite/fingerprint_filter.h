#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::sqlite {

// Up to 64 sets of hashes that are asked all at once which of them may hold one. A Bloom filter per
// set, turned on its side: bit `s` of word `w` says whether set `s` has hash position `w`, so that
// a question reads kHashes words whatever the number of sets. With 16 bits to a hash a set that
// does not hold it says "may" once in some 1,700 times.
class FingerprintFilter {
 public:
  static constexpr int kSets = 64;
  static constexpr int kBitsPerHash = 16;

  // For sets of about `hashes_per_set`.
  explicit FingerprintFilter(size_t hashes_per_set);
  // For sets whose Column had `bytes`.
  static FingerprintFilter OfColumnBytes(size_t bytes) {
    return FingerprintFilter(bytes * 8 / kBitsPerHash);
  }

  void Add(int set, uint64_t hash);
  // A bit for each set that may hold it.
  uint64_t MayHold(uint64_t hash) const;

  // A set as bytes, to be kept, and back. A column of another size comes from a filter of another
  // size: the set then may hold anything.
  std::string Column(int set) const;
  void SetColumn(int set, std::string_view column);
  void Clear(int set);
  size_t column_bytes() const { return words_.size() / 8; }

 private:
  static constexpr int kHashes = 8;
  std::array<size_t, kHashes> Positions(uint64_t hash) const;

  std::vector<uint64_t> words_;  // a power of two
};

}  // namespace tributary::sqlite
