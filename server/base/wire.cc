#include "server/base/wire.h"

#include <array>
#include <cstring>

namespace tributary::wire {

namespace {

constexpr size_t kVarintBytesMax = 10;

// Writes a varint at `at`, where there is room for kVarintBytesMax; its end.
char* PutVarint(char* at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

char* PutTag(char* at, uint32_t field, Type type) {
  return PutVarint(at, (uint64_t{field} << 3) | static_cast<uint64_t>(type));
}

// A varint field; nothing if `value` is 0.
char* PutUint(char* at, uint32_t field, uint64_t value) {
  return value == 0 ? at : PutVarint(PutTag(at, field, Type::kVarint), value);
}

std::string_view Between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

// What is short is put together first: each append costs more than the bytes do.

void AppendVarint(std::string& out, uint64_t value) {
  std::array<char, kVarintBytesMax> bytes;
  out.append(Between(bytes.data(), PutVarint(bytes.data(), value)));
}

void AppendTag(std::string& out, uint32_t field, Type type) {
  AppendVarint(out, (uint64_t{field} << 3) | static_cast<uint64_t>(type));
}

void AppendUint(std::string& out, uint32_t field, uint64_t value) {
  std::array<char, 2 * kVarintBytesMax> bytes;
  out.append(Between(bytes.data(), PutUint(bytes.data(), field, value)));
}

void AppendBytes(std::string& out, uint32_t field, std::string_view bytes) {
  std::array<char, 2 * kVarintBytesMax> head;
  char* const end = PutVarint(PutTag(head.data(), field, Type::kBytes), bytes.size());
  out.append(Between(head.data(), end)).append(bytes);
}

void AppendTimestamp(std::string& out, uint32_t field, int64_t micros) {
  constexpr int64_t kMicrosPerSecond = 1'000'000;
  int64_t seconds = micros / kMicrosPerSecond;
  int64_t rest = micros % kMicrosPerSecond;
  if (rest < 0) {
    rest += kMicrosPerSecond;
    --seconds;
  }
  std::array<char, 4 * kVarintBytesMax> timestamp;
  char* end = PutUint(timestamp.data(), 1, static_cast<uint64_t>(seconds));
  end = PutUint(end, 2, static_cast<uint64_t>(rest * 1000));
  AppendBytes(out, field, Between(timestamp.data(), end));
}

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

size_t BytesFieldSize(uint32_t field, size_t size) {
  return VarintSize(uint64_t{field} << 3) + VarintSize(size) + size;
}

bool TakeVarint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

std::optional<Field> Reader::Malformed() {
  ok_ = false;
  rest_ = {};
  return std::nullopt;
}

std::optional<Field> Reader::Next() {
  if (rest_.empty()) return std::nullopt;
  const char* begin = rest_.data();
  Field field;
  uint64_t tag = 0;
  if (!TakeVarint(rest_, tag) || tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) return Malformed();
  field.number = static_cast<uint32_t>(tag >> 3);
  field.type = static_cast<Type>(tag & 7);
  switch (field.type) {
    case Type::kVarint:
      if (!TakeVarint(rest_, field.varint)) return Malformed();
      break;
    case Type::kFixed64:
    case Type::kFixed32: {
      const size_t size = field.type == Type::kFixed64 ? 8 : 4;
      if (rest_.size() < size) return Malformed();
      std::memcpy(&field.varint, rest_.data(), size);  // little-endian hosts only, as all we run on
      rest_.remove_prefix(size);
      break;
    }
    case Type::kBytes: {
      uint64_t size = 0;
      if (!TakeVarint(rest_, size) || size > rest_.size()) return Malformed();
      field.bytes = rest_.substr(0, size);
      rest_.remove_prefix(size);
      break;
    }
    default:
      return Malformed();
  }
  field.whole = {begin, static_cast<size_t>(rest_.data() - begin)};
  return field;
}

}  // namespace tributary::wire
