#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/timestamp.pb.h"

// The few values that random resources and random filters are made of, so that they often meet.
namespace tributary::testing {

inline const std::vector<std::string> kTexts = {"",         "a", "ab",   "abc", "b",
                                                "\xC3\xA9", "7", "true", "a b"};
inline const std::vector<std::string> kNumbers = {"-1", "0", "7", "7.5", "1e3"};
inline const std::vector<std::string> kTimes = {"1970-01-01T00:00:00Z", "2025-06-01",
                                                "2025-06-01T09:00:00.5+02:00"};
inline const std::vector<std::pair<int64_t, int32_t>> kInstants = {
    {0, 0}, {1748736000, 0}, {1748761200, 500000000}};  // the same times
inline const std::vector<std::string> kKeys = {"k1", "k2", "odd key"};

inline bool IsTime(const google::protobuf::FieldDescriptor& field) {
  return field.type() == google::protobuf::FieldDescriptor::TYPE_MESSAGE &&
         field.message_type() == google::protobuf::Timestamp::descriptor();
}

}  // namespace tributary::testing
