#include <cstdlib>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/struct.pb.h"
#include "tests/filter/oracle.h"
#include "tests/filter/random_values.h"

namespace tributary::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;
using google::protobuf::Value;

void Fill(Message& message, Dice& dice, int depth);

void SetEnumAtRandom(Message& message, const FieldDescriptor& field, Dice& dice) {
  const Reflection& reflection = *message.GetReflection();
  const int value = 1 + dice.Below(field.enum_type()->value_count() - 1);
  if (field.is_repeated()) return reflection.AddEnumValue(&message, &field, value);
  reflection.SetEnumValue(&message, &field, value);
}

void SetAtRandom(Message& message, const FieldDescriptor& field, Dice& dice, int depth) {
  const Reflection& reflection = *message.GetReflection();
  const bool list = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (list) return reflection.AddString(&message, &field, dice.Of(kTexts));
      return reflection.SetString(&message, &field, dice.Of(kTexts));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(&message, &field,
                                  std::strtod(dice.Of(kNumbers).c_str(), nullptr));
    case FieldDescriptor::CPPTYPE_INT32: {
      const int number = dice.Below(9) - 1;
      if (list) return reflection.AddInt32(&message, &field, number);
      return reflection.SetInt32(&message, &field, number);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, dice.Chance(0.5));
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnumAtRandom(message, field, dice);
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      Message& inner = list ? *reflection.AddMessage(&message, &field)
                            : *reflection.MutableMessage(&message, &field);
      if (!IsTime(field)) return Fill(inner, dice, depth + 1);
      const auto& instant = dice.Of(kInstants);
      static_cast<Timestamp&>(inner).set_seconds(instant.first);
      static_cast<Timestamp&>(inner).set_nanos(instant.second);
      return;
    }
    default:
      return;
  }
}

Value RandomValue(Dice& dice, int depth) {
  Value value;
  switch (dice.Below(depth == 0 ? 5 : 4)) {
    case 0:
      value.set_string_value(dice.Of(kTexts));
      break;
    case 1:
      value.set_number_value(std::strtod(dice.Of(kNumbers).c_str(), nullptr));
      break;
    case 2:
      value.set_bool_value(dice.Chance(0.5));
      break;
    case 3:
      value.set_null_value(google::protobuf::NULL_VALUE);
      break;
    default:
      for (int i = dice.Below(3); i > 0; --i) {
        *value.mutable_list_value()->add_values() = RandomValue(dice, depth + 1);
      }
      value.mutable_list_value();
  }
  return value;
}

void Fill(Message& message, Dice& dice, int depth) {
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.name() == "raw_resource" || field.name() == "revision") continue;
    if (depth > 4 || !dice.Chance(0.65)) continue;
    if (field.is_map()) {
      for (const std::string& key : kKeys) {
        if (!dice.Chance(0.6)) continue;
        Message& entry = *message.GetReflection()->AddMessage(&message, &field);
        const Descriptor& type = *entry.GetDescriptor();
        entry.GetReflection()->SetString(&entry, type.map_key(), key);
        entry.GetReflection()
            ->MutableMessage(&entry, type.map_value())
            ->CopyFrom(RandomValue(dice, 0));
      }
      continue;
    }
    const int count = field.is_repeated() ? dice.Below(3) : 1;
    for (int n = 0; n < count; ++n) SetAtRandom(message, field, dice, depth);
  }
}

}  // namespace

void FillAtRandom(Message& resource, Dice& dice) { Fill(resource, dice, 0); }

}  // namespace tributary::testing
