#pragma once

#include <memory>
#include <string>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "server/filter/filter.h"
#include "tests/testing/status_matchers.h"

namespace tributary::testing {

// As a store holds it: deterministic.
inline std::string Encoded(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    EXPECT_TRUE(message.SerializeToCodedStream(&out));
  }
  return bytes;
}

// The stored state of a resource that is given as Protobuf text.
template <typename Message>
Record RecordOf(const std::string& text, const std::string& model = "", Revision revision = 7) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  Record record;
  record.key = {model, message.connector_id(), message.owner_id(), message.id()};
  record.revision = revision;
  record.state = Encoded(message);
  return record;
}

template <typename Message>
std::shared_ptr<const Filter> MustCompile(const std::string& text,
                                          Filter::Use use = Filter::Use::kList) {
  auto filter = Filter::Compile(text, *Message::descriptor(), use);
  if (!filter.ok()) {
    ADD_FAILURE() << text << ": " << filter.status();
    filter = Filter::Compile("", *Message::descriptor(), use);
  }
  return *filter;
}

}  // namespace tributary::testing
