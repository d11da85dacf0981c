#include "server/base/hash.h"

#include <isa-l/crc.h>
#include <xxhash.h>

namespace tributary {

Hasher::Hasher() : state_(XXH3_createState()) {
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_));
}

Hasher::~Hasher() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }

Hasher& Hasher::Add(std::string_view piece) {
  const uint64_t size = piece.size();
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state_), &size, sizeof size);
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state_), piece.data(), piece.size());
  return *this;
}

Digest Hasher::Finish() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state_));
  return {hash.high64, hash.low64};
}

uint32_t Crc32c(std::string_view bytes, uint32_t crc) {
  // isa-l takes a mutable pointer but only reads; it leaves both inversions to the caller.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~crc);
}

}  // namespace tributary
