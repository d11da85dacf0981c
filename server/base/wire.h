#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The Protobuf wire format, as far as stored bytes are put together and taken apart without a
// parse.
namespace tributary::wire {

enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void AppendVarint(std::string& out, uint64_t value);
void AppendTag(std::string& out, uint32_t field, Type type);

// A varint field; nothing if `value` is 0, as proto3 has it for plain fields.
void AppendUint(std::string& out, uint32_t field, uint64_t value);
// A length-delimited field (string, bytes, message), also when `bytes` is empty.
void AppendBytes(std::string& out, uint32_t field, std::string_view bytes);
// A google.protobuf.Timestamp of `micros` since 1970.
void AppendTimestamp(std::string& out, uint32_t field, int64_t micros);

// Takes a varint off the front of `bytes`. False, and both are anything: it is malformed.
bool TakeVarint(std::string_view& bytes, uint64_t& value);

size_t VarintSize(uint64_t value);
// Size of AppendBytes' output.
size_t BytesFieldSize(uint32_t field, size_t size);

// One field of an encoded message.
struct Field {
  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t varint = 0;     // kVarint, kFixed64, kFixed32
  std::string_view bytes;  // kBytes: the content
  std::string_view whole;  // tag and content as they stand in the message
};

// Walks the fields of `message` in the order they were written. After the last one, or at the first
// malformed byte, Next() is nullopt; `ok()` tells which.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}
  std::optional<Field> Next();
  bool ok() const { return ok_; }

 private:
  std::optional<Field> Malformed();

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace tributary::wire
