#include "server/model/changed_fields.h"

#include <map>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/model/field_plan.h"
#include "server/model/place.h"

namespace tributary {
namespace {

constexpr uint32_t kFields = 4;
constexpr uint32_t kCustomFields = 5;
constexpr uint32_t kRawResource = 9;
constexpr uint32_t kRevision = 11;
constexpr uint32_t kLastOfFrame = 11;
constexpr uint32_t kChangedFields = 5;  // of a change message

// The encoded fields of a message by their numbers; those of a repeated field one after the other,
// tags and all.
std::map<uint32_t, std::string> ByNumber(std::string_view message) {
  std::map<uint32_t, std::string> fields;
  wire::Reader reader(message);
  while (const auto field = reader.Next()) fields[field->number].append(field->whole);
  return fields;
}

// The one field `number` of a message; `present` tells an empty one from none.
std::string_view Find(std::string_view message, uint32_t number, bool& present) {
  std::string_view found;
  wire::Reader reader(message);
  while (const auto field = reader.Next()) {
    if (field->number != number) continue;
    found = field->bytes;
    present = true;
  }
  return found;
}

// The custom fields of a state: encoded values by their keys.
std::map<std::string_view, std::string_view> CustomFields(std::string_view state) {
  std::map<std::string_view, std::string_view> entries;
  wire::Reader reader(state);
  while (const auto field = reader.Next()) {
    if (field->number != kCustomFields) continue;
    bool present = false;
    const std::string_view key = Find(field->bytes, 1, present);
    entries[key] = Find(field->bytes, 2, present);
  }
  return entries;
}

template <typename Map>
std::set<typename Map::key_type> Differing(const Map& before, const Map& after) {
  std::set<typename Map::key_type> keys;
  for (const auto& [key, value] : before) {
    const auto other = after.find(key);
    if (other == after.end() || other->second != value) keys.insert(key);
  }
  for (const auto& [key, value] : after) {
    if (!before.contains(key)) keys.insert(key);
  }
  return keys;
}

void Append(std::string& out, std::string_view path) {
  wire::AppendBytes(out, kChangedFields, path);
}

void AppendFields(const Model& model, std::string_view before, std::string_view after,
                  std::string& out) {
  bool in_before = false;
  bool in_after = false;
  const std::set<uint32_t> numbers = Differing(ByNumber(Find(before, kFields, in_before)),
                                               ByNumber(Find(after, kFields, in_after)));
  if (numbers.empty() && in_before != in_after) Append(out, "fields");
  for (const uint32_t number : numbers) {
    const FieldPlan* field = model.fields().FindNumber(number);
    // A state written by a later version may hold a field without a name here.
    Append(out, field == nullptr ? "fields" : absl::StrCat("fields.", field->name));
  }
}

}  // namespace

std::string ChangedFields(const Model& model, const Record& before, const Record& after) {
  std::string out;
  const std::map<uint32_t, std::string> old_frame = ByNumber(before.state);
  const std::map<uint32_t, std::string> new_frame = ByNumber(after.state);
  const std::set<uint32_t> differing = Differing(old_frame, new_frame);
  for (uint32_t number = 1; number <= kLastOfFrame; ++number) {
    if (number == kRawResource) {
      if (before.raw != after.raw) Append(out, "raw_resource");
      continue;
    }
    if (number == kRevision || !differing.contains(number)) continue;
    if (number == kFields) {
      AppendFields(model, before.state, after.state, out);
    } else if (number == kCustomFields) {
      for (const std::string_view key :
           Differing(CustomFields(before.state), CustomFields(after.state))) {
        Append(out, absl::StrCat("custom_fields.", QuotedKey(key)));
      }
    } else {
      Append(out, model.message()->FindFieldByNumber(static_cast<int>(number))->name());
    }
  }
  return out;
}

}  // namespace tributary
