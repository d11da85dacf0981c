#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

// Fields by name, for what all resources have in common: one code for every request and response. A
// name that the message does not have is a bug in the protos or here, and ends the program.
namespace tributary {
inline namespace client {

const google::protobuf::FieldDescriptor& FieldNamed(const google::protobuf::Message& message,
                                                    std::string_view name);

void SetString(google::protobuf::Message& message, std::string_view name, std::string_view value);
void AddString(google::protobuf::Message& message, std::string_view name, std::string_view value);
void SetInt32(google::protobuf::Message& message, std::string_view name, int32_t value);
void SetInt64(google::protobuf::Message& message, std::string_view name, int64_t value);
void SetBool(google::protobuf::Message& message, std::string_view name, bool value);
void SetEnum(google::protobuf::Message& message, std::string_view name, int value);
google::protobuf::Message& MutableMessage(google::protobuf::Message& message,
                                          std::string_view name);

std::string GetString(const google::protobuf::Message& message, std::string_view name);
std::vector<std::string> GetStrings(const google::protobuf::Message& message,
                                    std::string_view name);
int64_t GetInt64(const google::protobuf::Message& message, std::string_view name);
bool GetBool(const google::protobuf::Message& message, std::string_view name);
int GetEnum(const google::protobuf::Message& message, std::string_view name);
bool Has(const google::protobuf::Message& message, std::string_view name);
// The time of a Timestamp field; nothing if it is not set.
std::optional<absl::Time> GetTime(const google::protobuf::Message& message, std::string_view name);
const google::protobuf::Message& GetMessage(const google::protobuf::Message& message,
                                            std::string_view name);

}  // namespace client
}  // namespace tributary
