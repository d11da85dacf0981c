#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace tributary {

class MessagePlan;

enum class FieldKind : uint8_t {
  kString,
  kDouble,
  kInteger,  // int32 or int64
  kBool,
  kEnum,
  kTimestamp,
  kReference,  // tributary.v1.ResourceRef
  kMessage,
  kValueMap,  // map<string, google.protobuf.Value>
};

struct EnumText {
  std::string text;  // as the source writes it: "inProgress"
  int number = 0;
};

// How one key of the source's JSON becomes one field: what its descriptor and its FieldRule say, in
// the form that reading needs.
struct FieldPlan {
  std::string key;   // in the source's JSON
  std::string name;  // in the proto, as it stands in paths
  uint32_t number = 0;
  FieldKind kind = FieldKind::kString;
  bool repeated = false;
  bool wide = false;  // kInteger: of 64 bits

  bool required = false;
  bool empty_is_absent = false;
  bool email = false;
  uint32_t min_length = 0;  // in UTF-16 code units
  uint32_t max_length = 0;  // 0: no limit
  std::optional<double> minimum;
  bool indexed = false;
  std::string ref;  // the model that a reference is to

  std::vector<EnumText> values;                // kEnum, without the unspecified one
  std::shared_ptr<const MessagePlan> message;  // kMessage
};

// How an object of the source's JSON becomes a message. Immutable, thread-safe.
class MessagePlan {
 public:
  // INVALID_ARGUMENT, naming file and field, for a type that the source's JSON cannot be read into,
  // a message that contains itself, or a rule that contradicts its field.
  static absl::StatusOr<std::unique_ptr<const MessagePlan>> Compile(
      const google::protobuf::Descriptor* message);

  // In the order of field numbers.
  const std::vector<FieldPlan>& fields() const { return fields_; }

  // Position in fields() of the field that `key` is read into; -1 if there is none.
  int IndexOf(std::string_view key) const;
  // nullptr if there is no field of that number.
  const FieldPlan* FindNumber(uint32_t number) const;

 private:
  // The messages that are being compiled, outermost first.
  using Path = std::vector<const google::protobuf::Descriptor*>;

  MessagePlan() = default;
  static absl::StatusOr<std::unique_ptr<const MessagePlan>> Compile(
      const google::protobuf::Descriptor* message, Path& path);
  static absl::Status CompileField(const google::protobuf::FieldDescriptor* field, Path& path,
                                   FieldPlan& plan);
  static absl::Status CompileMessageField(const google::protobuf::FieldDescriptor* field,
                                          Path& path, FieldPlan& plan);

  std::vector<FieldPlan> fields_;
};

}  // namespace tributary
