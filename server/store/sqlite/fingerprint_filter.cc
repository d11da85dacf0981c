#include "server/store/sqlite/fingerprint_filter.h"

#include <algorithm>
#include <bit>

namespace tributary::sqlite {

FingerprintFilter::FingerprintFilter(size_t hashes_per_set)
    : words_(std::bit_ceil(std::max<size_t>(hashes_per_set * kBitsPerHash, 64)), 0) {}

std::array<size_t, FingerprintFilter::kHashes> FingerprintFilter::Positions(uint64_t hash) const {
  // Two halves of the hash make as many positions as are wanted.
  const uint64_t step = (hash >> 32 | hash << 32) | 1;
  std::array<size_t, kHashes> positions;
  for (size_t& position : positions) {
    position = static_cast<size_t>(hash >> 20) & (words_.size() - 1);
    hash += step;
  }
  return positions;
}

void FingerprintFilter::Add(int set, uint64_t hash) {
  for (const size_t position : Positions(hash)) words_[position] |= uint64_t{1} << set;
}

uint64_t FingerprintFilter::MayHold(uint64_t hash) const {
  uint64_t sets = ~uint64_t{0};
  for (const size_t position : Positions(hash)) sets &= words_[position];
  return sets;
}

std::string FingerprintFilter::Column(int set) const {
  std::string column(column_bytes(), '\0');
  for (size_t i = 0; i < words_.size(); ++i) {
    const auto bit = static_cast<unsigned>(words_[i] >> set & 1);
    column[i / 8] = static_cast<char>(static_cast<unsigned char>(column[i / 8]) | bit << (i % 8));
  }
  return column;
}

void FingerprintFilter::SetColumn(int set, std::string_view column) {
  const uint64_t mask = uint64_t{1} << set;
  const bool anything = column.size() != column_bytes();
  for (size_t i = 0; i < words_.size(); ++i) {
    const bool bit = anything || (static_cast<unsigned char>(column[i / 8]) >> (i % 8) & 1) != 0;
    words_[i] = bit ? words_[i] | mask : words_[i] & ~mask;
  }
}

void FingerprintFilter::Clear(int set) {
  for (uint64_t& word : words_) word &= ~(uint64_t{1} << set);
}

}  // namespace tributary::sqlite
