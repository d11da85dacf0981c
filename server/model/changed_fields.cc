#include "server/model/changed_fields.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

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

// What a message holds, in the order of keys; entries of one key in their own order. Our encoding
// is in that order already.
template <typename Key>
using Entries = std::vector<std::pair<Key, std::string_view>>;

template <typename Key>
void Sort(Entries<Key>& entries) {
  const auto by_key = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(entries.begin(), entries.end(), by_key)) {
    std::stable_sort(entries.begin(), entries.end(), by_key);
  }
}

// The encoded fields of a message by their numbers, tags and all.
Entries<uint32_t> ByNumber(std::string_view message) {
  Entries<uint32_t> fields;
  fields.reserve(32);
  wire::Reader reader(message);
  while (const auto field = reader.Next()) fields.emplace_back(field->number, field->whole);
  Sort(fields);
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
Entries<std::string_view> CustomFields(std::string_view state) {
  Entries<std::string_view> entries;
  wire::Reader reader(state);
  while (const auto field = reader.Next()) {
    if (field->number != kCustomFields) continue;
    bool present = false;
    const std::string_view key = Find(field->bytes, 1, present);
    entries.emplace_back(key, Find(field->bytes, 2, present));
  }
  Sort(entries);
  return entries;
}

// Calls `visit` for each key whose entries are not the same in both, in the order of keys.
template <typename Key, typename Visit>
void ForEachDiffering(const Entries<Key>& before, const Entries<Key>& after, Visit visit) {
  auto a = before.begin();
  auto b = after.begin();
  const auto group_end = [](auto at, auto end, const Key& key) {
    while (at != end && at->first == key) ++at;
    return at;
  };
  while (a != before.end() || b != after.end()) {
    const Key key = b == after.end()    ? a->first
                    : a == before.end() ? b->first
                                        : std::min(a->first, b->first);
    const auto a_end = group_end(a, before.end(), key);
    const auto b_end = group_end(b, after.end(), key);
    if (!std::equal(a, a_end, b, b_end)) visit(key);
    a = a_end;
    b = b_end;
  }
}

void Append(std::string& out, std::string_view path) {
  wire::AppendBytes(out, kChangedFields, path);
}

void AppendFields(const Model& model, std::string_view before, std::string_view after,
                  std::string& out) {
  bool in_before = false;
  bool in_after = false;
  bool any = false;
  ForEachDiffering(ByNumber(Find(before, kFields, in_before)),
                   ByNumber(Find(after, kFields, in_after)), [&](uint32_t number) {
                     any = true;
                     const FieldPlan* field = model.fields().FindNumber(number);
                     // A state written by a later version may hold a field without a name here.
                     Append(out,
                            field == nullptr ? "fields" : absl::StrCat("fields.", field->name));
                   });
  if (!any && in_before != in_after) Append(out, "fields");
}

}  // namespace

std::string ChangedFields(const Model& model, const Record& before, const Record& after) {
  std::string out;
  bool raw_told = before.raw == after.raw;
  const auto tell_raw = [&] {
    if (!std::exchange(raw_told, true)) Append(out, "raw_resource");
  };
  ForEachDiffering(ByNumber(before.state), ByNumber(after.state), [&](uint32_t number) {
    if (number > kRawResource) tell_raw();
    if (number == kFields) {
      AppendFields(model, before.state, after.state, out);
    } else if (number == kCustomFields) {
      ForEachDiffering(CustomFields(before.state), CustomFields(after.state),
                       [&](std::string_view key) {
                         Append(out, absl::StrCat("custom_fields.", QuotedKey(key)));
                       });
    } else if (number <= kLastOfFrame && number != kRevision && number != kRawResource) {
      Append(out, model.message()->FindFieldByNumber(static_cast<int>(number))->name());
    }
  });
  tell_raw();
  return out;
}

}  // namespace tributary
