#include "server/base/hash.h"

#include <isa-l/crc.h>
// The layout of a state is declared to those only who link statically, because it may differ
// between versions; the size is checked against the installed header.
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <new>

namespace tributary {

namespace {

XXH3_state_t* State(std::byte* bytes) { return reinterpret_cast<XXH3_state_t*>(bytes); }
const XXH3_state_t* State(const std::byte* bytes) {
  return reinterpret_cast<const XXH3_state_t*>(bytes);
}

}  // namespace

Hasher::Hasher() {
  static_assert(sizeof(state_) == sizeof(XXH3_state_t) && alignof(Hasher) >= alignof(XXH3_state_t));
  XXH3_128bits_reset(new (state_.data()) XXH3_state_t);
}

Hasher& Hasher::Add(std::string_view piece) {
  const uint64_t size = piece.size();
  XXH3_128bits_update(State(state_.data()), &size, sizeof size);
  XXH3_128bits_update(State(state_.data()), piece.data(), piece.size());
  return *this;
}

Digest Hasher::Finish() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(State(state_.data()));
  return {hash.high64, hash.low64};
}

uint32_t Crc32c(std::string_view bytes, uint32_t crc) {
  // isa-l takes a mutable pointer but only reads; it leaves both inversions to the caller.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~crc);
}

}  // namespace tributary
