#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/base/wire.h"
#include "server/model/model.h"
#include "server/model/webhook_decoder.h"

// What the tests of the decoder share.
namespace tributary::testing {

inline constexpr int64_t kArrivedUs = 1'751'328'000'000'000;  // 2025-07-01T00:00:00Z

inline const ModelRegistry& Registry() {
  static const ModelRegistry* const registry = [] {
    absl::StatusOr<ModelRegistry> built = ModelRegistry::Build(ResourceDescriptors());
    if (!built.ok()) {
      ADD_FAILURE() << built.status();
      std::abort();
    }
    return new ModelRegistry(*std::move(built));
  }();
  return *registry;
}

inline WebhookHeaders Headers() { return {"hubspot", "acme", "key-1"}; }

inline DecodedWebhook Decode(std::string body, DecoderOptions options = {}) {
  return WebhookDecoder(Registry(), options).Decode(Headers(), std::move(body), kArrivedUs);
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The message that serving shows: state and raw_resource put one after the other.
inline std::unique_ptr<google::protobuf::Message> ParseResource(const Mutation& mutation) {
  const Model* model = Registry().Find(mutation.key.model);
  std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(model->message())->New());
  std::string bytes = mutation.state;
  if (!mutation.raw.empty()) wire::AppendBytes(bytes, 9, mutation.raw);
  EXPECT_TRUE(message->ParseFromString(bytes));
  return message;
}

template <typename Message>
Message ParseState(const Mutation& mutation) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(mutation.state));
  return message;
}

inline std::string Deterministic(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace tributary::testing
