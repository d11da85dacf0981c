#include "server/base/wire.h"

#include <cstring>

namespace tributary::wire {

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void AppendTag(std::string& out, uint32_t field, Type type) {
  AppendVarint(out, (uint64_t{field} << 3) | static_cast<uint64_t>(type));
}

void AppendUint(std::string& out, uint32_t field, uint64_t value) {
  if (value == 0) return;
  AppendTag(out, field, Type::kVarint);
  AppendVarint(out, value);
}

void AppendBytes(std::string& out, uint32_t field, std::string_view bytes) {
  if (field < 16 && bytes.size() < 0x80) {
    // Tag and length take a byte each, as nearly always.
    const char head[] = {static_cast<char>((field << 3) | static_cast<uint32_t>(Type::kBytes)),
                         static_cast<char>(bytes.size())};
    out.append(head, sizeof(head));
  } else {
    AppendTag(out, field, Type::kBytes);
    AppendVarint(out, bytes.size());
  }
  out.append(bytes);
}

void AppendTimestamp(std::string& out, uint32_t field, int64_t micros) {
  constexpr int64_t kMicrosPerSecond = 1'000'000;
  int64_t seconds = micros / kMicrosPerSecond;
  int64_t rest = micros % kMicrosPerSecond;
  if (rest < 0) {
    rest += kMicrosPerSecond;
    --seconds;
  }
  std::string timestamp;
  AppendUint(timestamp, 1, static_cast<uint64_t>(seconds));
  AppendUint(timestamp, 2, static_cast<uint64_t>(rest * 1000));
  AppendBytes(out, field, timestamp);
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
