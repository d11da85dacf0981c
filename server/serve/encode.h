#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/store/types.h"

namespace tributary {

// How much of a resource an answer holds (tributary.v1.View).
enum class View { kBasic, kFull };

// The change types of tributary.v1.ChangeType, by their numbers.
enum class ChangeType : uint64_t {
  kExisting = 1,
  kCreated = 2,
  kUpdated = 3,
  kDeleted = 4,
};

// Answers are put together from stored bytes, which are valid Protobuf when put one after the
// other: the state, then `revision` (field 11), then `raw_resource` (field 9, in VIEW_FULL).
// Nothing is parsed. tests/serve/encode_test.cc holds the result against what the generated classes
// serialize.

// The bytes of the resource in `record`.
std::string EncodeResource(const Record& record, View view);

// `record` as the repeated or singular message field `number` of an answer.
void AppendResource(std::string& out, uint32_t number, const Record& record, View view);

// Bytes that AppendResource adds, without the tag: for filling an answer up to its bound.
size_t ResourceBytes(const Record& record, View view);

// An EXISTING change of a snapshot, as field 1 (changes) of a Watch answer.
void AppendExisting(std::string& out, const Record& record, View view);

// A change of the log, as field 1 (changes) of a Watch answer. `previous` is left out where the
// change would pass the bound of an answer.
void AppendChange(std::string& out, const Change& change, View view, bool include_previous);

// Takes `bytes` over, without a copy.
grpc::Slice ToSlice(std::string bytes);
grpc::ByteBuffer ToByteBuffer(std::string bytes);

}  // namespace tributary
