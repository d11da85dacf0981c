#include "server/base/wire.h"

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary::wire {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text.push_back(static_cast<char>(byte));
  return text;
}

TEST(Wire, WritesWhatProtobufWrites) {
  std::string out;
  AppendUint(out, 1, 150);
  EXPECT_EQ(out, Bytes({0x08, 0x96, 0x01}));
  out.clear();
  AppendBytes(out, 2, "testing");
  EXPECT_EQ(out, Bytes({0x12, 0x07}) + "testing");
  out.clear();
  AppendUint(out, 16, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(out, Bytes({0x80, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}));
  out.clear();
  AppendUint(out, 1, 0);
  EXPECT_EQ(out, "");
  AppendBytes(out, 1, "");
  EXPECT_EQ(out, Bytes({0x0A, 0x00}));
}

TEST(Wire, WritesTimestampsOnBothSidesOfTheEpoch) {
  std::string out;
  AppendTimestamp(out, 6, 1'500'000);  // 1 s and 500'000'000 ns
  EXPECT_EQ(out, Bytes({0x32, 0x08, 0x08, 0x01, 0x10, 0x80, 0xCA, 0xB5, 0xEE, 0x01}));
  out.clear();
  AppendTimestamp(out, 6, -1);  // -1 s and 999'999'000 ns: nanoseconds count forward
  Reader outer(out);
  Reader inner(outer.Next()->bytes);
  EXPECT_EQ(static_cast<int64_t>(inner.Next()->varint), -1);
  EXPECT_EQ(inner.Next()->varint, 999'999'000u);
  out.clear();
  AppendTimestamp(out, 6, 0);
  EXPECT_EQ(out, Bytes({0x32, 0x00}));
}

TEST(Wire, KnowsSizesBeforehand) {
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{16383}, uint64_t{16384},
        std::numeric_limits<uint64_t>::max()}) {
    std::string out;
    AppendVarint(out, value);
    EXPECT_EQ(VarintSize(value), out.size()) << value;
  }
  for (const uint32_t field : {1u, 15u, 16u, 2047u, 2048u}) {
    for (const size_t size : {0u, 1u, 127u, 128u, 20000u}) {
      std::string out;
      AppendBytes(out, field, std::string(size, 'x'));
      EXPECT_EQ(BytesFieldSize(field, size), out.size()) << field << " " << size;
    }
  }
}

TEST(WireReader, WalksEveryKindOfField) {
  std::string message;
  AppendUint(message, 1, 300);
  AppendBytes(message, 2, "text");
  message += Bytes({0x19, 1, 2, 3, 4, 5, 6, 7, 8});  // field 3, fixed64
  message += Bytes({0x25, 1, 2, 3, 4});              // field 4, fixed32
  Reader reader(message);
  auto field = reader.Next();
  EXPECT_EQ(field->number, 1u);
  EXPECT_EQ(field->varint, 300u);
  field = reader.Next();
  EXPECT_EQ(field->number, 2u);
  EXPECT_EQ(field->bytes, "text");
  EXPECT_EQ(field->whole, Bytes({0x12, 0x04}) + "text");
  field = reader.Next();
  EXPECT_EQ(field->type, Type::kFixed64);
  EXPECT_EQ(field->varint, 0x0807060504030201u);
  field = reader.Next();
  EXPECT_EQ(field->type, Type::kFixed32);
  EXPECT_EQ(field->varint, 0x04030201u);
  EXPECT_EQ(reader.Next(), std::nullopt);
  EXPECT_TRUE(reader.ok());
}

TEST(WireReader, StopsAtTheFirstMalformedByte) {
  const std::string malformed[] = {
      Bytes({0x08}),        // no value
      Bytes({0x08, 0x80}),  // a varint without end
      Bytes({0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}),
      Bytes({0x12, 0x05}) + "four",  // shorter than it says
      Bytes({0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}),
      Bytes({0x19, 1, 2, 3}),  // half a fixed64
      Bytes({0x25, 1}),        // half a fixed32
      Bytes({0x00, 0x01}),     // field 0
      Bytes({0x0B}),
      Bytes({0x0C}),  // groups
      Bytes({0x0E, 0x00}),
      Bytes({0x0F, 0x00}),
  };
  for (const std::string& message : malformed) {
    Reader reader(message);
    EXPECT_EQ(reader.Next(), std::nullopt) << ::testing::PrintToString(message);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.Next(), std::nullopt);
  }
}

TEST(WireReader, NeverReadsPastTheEndOfRandomBytes) {
  const uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    // On the heap and of exact size, so that a sanitizer sees one byte too many.
    std::vector<char> message(random() % 24);
    for (char& byte : message)
      byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 32);
    Reader reader({message.data(), message.size()});
    size_t walked = 0;
    while (const auto field = reader.Next()) walked += field->whole.size();
    EXPECT_LE(walked, message.size());
    if (reader.ok()) {
      EXPECT_EQ(walked, message.size());
    }
  }
}

}  // namespace
}  // namespace tributary::wire
