#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/model/field_plan.h"
#include "server/model/json_body.h"
#include "server/model/place.h"
#include "server/model/warning_list.h"

namespace tributary {

// An object that stands in the place of a reference. A view.
struct ReferenceTarget {
  std::string_view model;  // as sent, or the field's
  std::string_view id;
};

// Takes whole resources that were found in the place of a reference.
class EmbeddedResources {
 public:
  // `object` has `fields`. `field_model` is what the reference should be to. What is wrong with the
  // embedding goes to `warnings`, those of the resource around it; what is wrong inside does not.
  virtual void Take(const ReferenceTarget& target, std::string_view field_model,
                    const JsonValue& object, const Place& place, WarningList& warnings) = 0;

 protected:
  ~EmbeddedResources() = default;
};

// Reads objects of one resource into encoded messages, as their plans say. What does not fit its
// field is reported and left out, never fatal. Given references must outlive it. For one thread.
class FieldReader {
 public:
  FieldReader(const JsonBody& body, EmbeddedResources& embedded, WarningList& warnings)
      : body_(body), embedded_(embedded), warnings_(warnings) {}

  // Appends the fields of `plan` in the order of their numbers. Members that the plan does not know
  // are added to `unknown`, as sent, if it is not null. `object` may be null for one that was not
  // sent.
  void ReadMessage(const MessagePlan& plan, const JsonValue* object, const Place& place,
                   std::string& out, std::vector<JsonValue::Member>* unknown);

  // Appends the content of a google.protobuf.Value; false, with a warning, if it is left out.
  bool ReadValue(const JsonValue& value, const Place& place, std::string& out);

  // Appends the entry of a map<string, google.protobuf.Value>, field `number`; false, with a
  // warning, if it is left out.
  bool ReadEntry(uint32_t number, std::string_view key, const JsonValue& value, const Place& place,
                 std::string& out);

  // The text of an id: a string, or a number's digits, which then are in `digits`. Empty if it is
  // neither.
  static std::string_view IdText(const JsonValue& value, std::string& digits);
  // The rule for ids: not empty, at most kNameBytesMax, UTF-8 without control characters.
  static bool IsName(std::string_view text);

  // Appends field `number` with the id in `remote`, the member of a resource or a reference at
  // `place`, if there is one and it fits.
  void ReadRemoteId(const std::optional<JsonValue>& remote, const Place& place, uint32_t number,
                    std::string& out);

 private:
  enum class Outcome { kAbsent, kLeftOut, kKept };

  // Append a whole field; false if it is absent.
  bool ReadField(const FieldPlan& field, const JsonValue& value, const Place& place,
                 std::string& out);
  void ReadList(const FieldPlan& field, const JsonValue& value, const Place& place,
                std::string& out);
  void ReadMap(const FieldPlan& field, const JsonValue& value, const Place& place,
               std::string& out);

  // Append the content of a field, without tag and length.
  Outcome ReadContent(const FieldPlan& field, const JsonValue& value, const Place& place,
                      std::string& out);
  Outcome ReadString(const FieldPlan& field, const JsonValue& value, const Place& place,
                     std::string& out);
  Outcome ReadReference(const FieldPlan& field, const JsonValue& value, const Place& place,
                        std::string& out);
  void CheckText(const FieldPlan& field, std::string_view text, const JsonValue& value,
                 const Place& place);
  std::string_view ReferenceModel(const FieldPlan& field, const std::optional<JsonValue>& sent,
                                  const Place& place);
  Outcome LeftOut(const JsonValue& value, const Place& place, std::string_view rule);

  const JsonBody& body_;
  EmbeddedResources& embedded_;
  WarningList& warnings_;
};

}  // namespace tributary
