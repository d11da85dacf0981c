#include "client/reflect.h"

#include <cstdio>
#include <cstdlib>

#include "google/protobuf/timestamp.pb.h"

namespace tributary {
inline namespace client {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor& FieldNamed(const Message& message, std::string_view name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(std::string(name));
  if (field == nullptr) {
    std::fprintf(stderr, "%s has no field %s\n", message.GetDescriptor()->full_name().c_str(),
                 std::string(name).c_str());
    std::abort();
  }
  return *field;
}

void SetString(Message& message, std::string_view name, std::string_view value) {
  message.GetReflection()->SetString(&message, &FieldNamed(message, name), std::string(value));
}

void AddString(Message& message, std::string_view name, std::string_view value) {
  message.GetReflection()->AddString(&message, &FieldNamed(message, name), std::string(value));
}

void SetInt32(Message& message, std::string_view name, int32_t value) {
  message.GetReflection()->SetInt32(&message, &FieldNamed(message, name), value);
}

void SetInt64(Message& message, std::string_view name, int64_t value) {
  message.GetReflection()->SetInt64(&message, &FieldNamed(message, name), value);
}

void SetBool(Message& message, std::string_view name, bool value) {
  message.GetReflection()->SetBool(&message, &FieldNamed(message, name), value);
}

void SetEnum(Message& message, std::string_view name, int value) {
  message.GetReflection()->SetEnumValue(&message, &FieldNamed(message, name), value);
}

Message& MutableMessage(Message& message, std::string_view name) {
  return *message.GetReflection()->MutableMessage(&message, &FieldNamed(message, name));
}

std::string GetString(const Message& message, std::string_view name) {
  return message.GetReflection()->GetString(message, &FieldNamed(message, name));
}

std::vector<std::string> GetStrings(const Message& message, std::string_view name) {
  const FieldDescriptor& field = FieldNamed(message, name);
  std::vector<std::string> values;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    values.push_back(message.GetReflection()->GetRepeatedString(message, &field, i));
  }
  return values;
}

int64_t GetInt64(const Message& message, std::string_view name) {
  return message.GetReflection()->GetInt64(message, &FieldNamed(message, name));
}

bool GetBool(const Message& message, std::string_view name) {
  return message.GetReflection()->GetBool(message, &FieldNamed(message, name));
}

int GetEnum(const Message& message, std::string_view name) {
  return message.GetReflection()->GetEnumValue(message, &FieldNamed(message, name));
}

bool Has(const Message& message, std::string_view name) {
  return message.GetReflection()->HasField(message, &FieldNamed(message, name));
}

std::optional<absl::Time> GetTime(const Message& message, std::string_view name) {
  if (!Has(message, name)) return std::nullopt;
  google::protobuf::Timestamp time;
  time.CopyFrom(GetMessage(message, name));
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

const Message& GetMessage(const Message& message, std::string_view name) {
  return message.GetReflection()->GetMessage(message, &FieldNamed(message, name));
}

}  // namespace client
}  // namespace tributary
