#pragma once

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/channel.h"
#include "grpcpp/support/byte_buffer.h"

namespace bench {

// So many channels, each with a connection of its own.
std::vector<std::shared_ptr<grpc::Channel>> OpenChannels(const std::string& target, int count);

grpc::ByteBuffer ToBuffer(const std::string& bytes);
std::string ToString(const grpc::ByteBuffer& buffer);

// What is in a message: how often `field` occurs at its top, and its bytes. Looks at tags and
// lengths only and copies nothing, so that counting what comes in costs the generator next to
// nothing.
struct Tally {
  int64_t items = 0;
  int64_t bytes = 0;
  bool has_marker = false;  // the field `marker` occurs
  std::string text;         // the content of the field `text_field`, if that was asked for
};
struct TallyFields {
  uint32_t item = 1;
  uint32_t marker = 0;  // 0: none
  uint32_t text = 0;    // 0: none
};
// Not OK for what is no Protobuf message.
bool Count(const grpc::ByteBuffer& message, const TallyFields& fields, Tally& tally);

}  // namespace bench
