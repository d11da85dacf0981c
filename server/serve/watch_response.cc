#include "server/serve/watch_response.h"

#include <cstdint>
#include <utility>

namespace tributary {
namespace {

// Below this a copy costs less than a slice.
constexpr size_t kSliceBytesMin = 512;

// A reader of less than this share of a block encodes its changes itself: the rest may interest
// nobody.
constexpr size_t kShare = 4;

// All changes of a block in one format, one after the other.
struct EncodedBlock {
  grpc::Slice bytes;
  std::vector<uint32_t> ends;  // of each change

  size_t Begin(size_t change) const { return change == 0 ? 0 : ends[change - 1]; }
};

EncodedBlock Encode(std::span<const ChangePtr> changes, ChangeFormat format) {
  EncodedBlock encoded;
  encoded.ends.reserve(changes.size());
  std::string bytes;
  size_t states = 0;
  for (const ChangePtr& change : changes) states += change->state.size();
  constexpr size_t kFrame = 128;  // of a change, roughly
  bytes.reserve(states + changes.size() * kFrame);
  for (const ChangePtr& change : changes) {
    if (change->kind != ChangeKind::kHidden) {
      AppendChange(bytes, *change, format);
    }
    encoded.ends.push_back(static_cast<uint32_t>(bytes.size()));
  }
  encoded.bytes = ToSlice(std::move(bytes));
  return encoded;
}

}  // namespace

void WatchResponse::Add(std::span<const ChangeRun> runs) {
  while (!runs.empty()) {
    size_t same = 1;
    while (same < runs.size() && runs[same].block == runs[0].block) ++same;
    AddOfBlock(runs.first(same));
    runs = runs.subspan(same);
  }
}

void WatchResponse::AddOfBlock(std::span<const ChangeRun> runs) {
  const ChangeBlock& block = *runs.front().block;
  size_t wanted = 0;
  for (const ChangeRun& run : runs) wanted += run.telling.has_value() ? 0 : run.count;
  if (wanted * kShare < block.changes().size()) {
    for (const ChangeRun& run : runs) AddOwn(run);
    return;
  }
  const size_t form = (format_.view == View::kFull ? 1u : 0u) |
                      (format_.include_previous ? 2u : 0u) | (format_.feed != nullptr ? 4u : 0u);
  static_assert(ChangeBlock::kForms == 8);
  const auto& encoded = block.As<EncodedBlock>(
      form, [this](std::span<const ChangePtr> changes) { return Encode(changes, format_); });
  for (const ChangeRun& run : runs) {
    if (run.telling.has_value()) {
      AddOwn(run);
      continue;
    }
    const size_t begin = encoded.Begin(run.first);
    const size_t end = encoded.Begin(run.first + run.count);
    if (end - begin < kSliceBytesMin) {
      own_.append(reinterpret_cast<const char*>(encoded.bytes.begin()) + begin, end - begin);
    } else {
      CloseOwn();
      slices_.push_back(encoded.bytes.sub(begin, end));
    }
  }
}

void WatchResponse::AddOwn(const ChangeRun& run) {
  for (const ChangePtr& change : run.changes()) {
    if (run.telling.has_value()) {
      AppendChange(own_, *change, *run.telling, format_);
    } else {
      AppendChange(own_, *change, format_);
    }
  }
}

void WatchResponse::CloseOwn() {
  if (own_.empty()) return;
  // A short string is copied: cheaper than what its slice needs to own it.
  if (own_.size() < kSliceBytesMin) {
    slices_.emplace_back(own_);
    own_.clear();
  } else {
    slices_.push_back(ToSlice(std::exchange(own_, {})));
  }
}

grpc::ByteBuffer WatchResponse::Finish() {
  CloseOwn();
  return {slices_.data(), slices_.size()};
}

}  // namespace tributary
