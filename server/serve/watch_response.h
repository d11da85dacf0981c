#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/serve/encode.h"
#include "server/watch/change_block.h"

namespace tributary {

// One Watch answer on its way out. Changes are encoded once for all streams that want them alike,
// and go out as slices of that encoding; what is small or a stream's own is copied together, since
// gRPC takes its time for every slice.
class WatchResponse {
 public:
  explicit WatchResponse(ChangeFormat format) : format_(format) {}

  // Bytes of the stream's own: append whole fields of the answer.
  std::string& own() { return own_; }

  // `runs` of one or more blocks, as field 1 (changes).
  void Add(std::span<const ChangeRun> runs);

  grpc::ByteBuffer Finish();

 private:
  // Runs of one block.
  void AddOfBlock(std::span<const ChangeRun> runs);
  // What no other stream wants in these words.
  void AddOwn(const ChangeRun& run);
  void CloseOwn();

  const ChangeFormat format_;
  std::string own_;  // behind slices_
  std::vector<grpc::Slice> slices_;
};

}  // namespace tributary
