#include "bench/load/grpc_client.h"

#include <algorithm>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace bench {
namespace {

// Reads through the slices of a message as if they were one.
class SliceReader {
 public:
  explicit SliceReader(const std::vector<grpc::Slice>& slices) : slices_(slices) { SkipEmpty(); }

  bool AtEnd() const { return slice_ == slices_.size(); }

  bool ReadVarint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !AtEnd(); shift += 7) {
      const uint8_t byte = slices_[slice_].begin()[offset_];
      Advance(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  // Skips `size` bytes, into `copy` unless it is null.
  bool Skip(uint64_t size, std::string* copy) {
    while (size > 0 && !AtEnd()) {
      const grpc::Slice& slice = slices_[slice_];
      const size_t step = std::min<size_t>(size, slice.size() - offset_);
      if (copy != nullptr)
        copy->append(reinterpret_cast<const char*>(slice.begin()) + offset_, step);
      Advance(step);
      size -= step;
    }
    return size == 0;
  }

 private:
  void Advance(size_t step) {
    offset_ += step;
    if (offset_ == slices_[slice_].size()) {
      offset_ = 0;
      ++slice_;
      SkipEmpty();
    }
  }

  void SkipEmpty() {
    while (!AtEnd() && slices_[slice_].size() == 0) ++slice_;
  }

  const std::vector<grpc::Slice>& slices_;
  size_t slice_ = 0;
  size_t offset_ = 0;
};

}  // namespace

std::vector<std::shared_ptr<grpc::Channel>> OpenChannels(const std::string& target, int count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or all share one connection
    arguments.SetMaxReceiveMessageSize(-1);                   // etcd's answers may be of any size
    channels.push_back(
        grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  }
  return channels;
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  (void)buffer.Dump(&slices);
  std::string bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

bool Count(const grpc::ByteBuffer& message, const TallyFields& fields, Tally& tally) {
  std::vector<grpc::Slice> slices;
  (void)message.Dump(&slices);
  tally.bytes += static_cast<int64_t>(message.Length());
  SliceReader reader(slices);
  while (!reader.AtEnd()) {
    uint64_t tag = 0;
    uint64_t size = 0;
    if (!reader.ReadVarint(tag)) return false;
    const auto field = static_cast<uint32_t>(tag >> 3);
    if (field == fields.item) ++tally.items;
    if (field == fields.marker) tally.has_marker = true;
    switch (tag & 7) {
      case 0:
        if (!reader.ReadVarint(size)) return false;
        break;
      case 1:
      case 5:
        if (!reader.Skip((tag & 7) == 1 ? 8 : 4, nullptr)) return false;
        break;
      case 2:
        if (!reader.ReadVarint(size)) return false;
        if (!reader.Skip(size, field == fields.text ? &tally.text : nullptr)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace bench
