#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/store/store.h"
#include "server/store/types.h"
#include "server/watch/change_type.h"

namespace tributary {

class FeedShape;

// How much of a resource an answer holds (tributary.v1.View).
enum class View { kBasic, kFull };

// Answers are put together from stored bytes, which are valid Protobuf when put one after the
// other: the state, then `revision` (field 11), then `raw_resource` (field 9, in VIEW_FULL).
// Nothing is parsed. tests/serve/encode_test.cc holds the result against what the generated classes
// serialize.

// The bytes of the resource in `record`.
std::string EncodeResource(const Record& record, View view);

// `record` as the repeated or singular message field `number` of an answer.
void AppendResource(std::string& out, uint32_t number, const Record& record, View view);
void AppendResource(std::string& out, uint32_t number, const RecordView& record, View view);

// Bytes that AppendResource adds, without the tag: for filling an answer up to its bound.
size_t ResourceBytes(const Record& record, View view);

// What a stream wants to see of each change.
struct ChangeFormat {
  View view = View::kBasic;
  bool include_previous = false;
  const FeedShape* feed = nullptr;  // null: a stream of one model
};

// An EXISTING change of a snapshot, as field 1 (changes) of a Watch answer.
void AppendExisting(std::string& out, const Record& record, ChangeFormat format);

// A change of the log, as field 1 (changes) of a Watch answer. `previous` is left out where the
// change would pass the bound of an answer.
void AppendChange(std::string& out, const Change& change, const Telling& telling,
                  ChangeFormat format);

// The same, told as its kind says.
void AppendChange(std::string& out, const Change& change, ChangeFormat format);

// Takes `bytes` over, without a copy.
grpc::Slice ToSlice(std::string bytes);
grpc::ByteBuffer ToByteBuffer(std::string bytes);

}  // namespace tributary
