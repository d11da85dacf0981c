#pragma once

#include <cstdint>

namespace tributary::sqlite {

// The number in the next four bytes, as SQLite's file formats write it.
inline uint32_t BigEndian(const char* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace tributary::sqlite
