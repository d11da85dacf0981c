#include "client/command/difference.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/command/cell.h"
#include "client/command/json.h"
#include "client/command/text.h"
#include "client/reflect.h"
#include "google/protobuf/struct.pb.h"

namespace tributary::command {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr absl::string_view kFields = "fields.";
constexpr absl::string_view kCustomFields = "custom_fields.";
constexpr char kUpdatedAt[] = "updated_at";
constexpr char kUnset[] = "unset";
constexpr char kUnknown[] = "?";
constexpr char kArrow[] = " → ";
// One value says what it is in so many columns; the whole is in the JSON.
constexpr size_t kValueWidthMax = 60;
// Of a list that gained or lost many, so many are named.
constexpr size_t kItemsMax = 5;

std::string Short(const std::string& text) { return CutToWidth(OneLine(text), kValueWidthMax); }

bool IsValue(const FieldDescriptor& field) {
  return field.message_type() == google::protobuf::Value::descriptor();
}

std::string ValueText(const Message& message, const FieldDescriptor& field) {
  if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) return kUnset;
  // Text may hold anything, also what stands between two values here.
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return Quoted(CellText(message, field), kValueWidthMax);
  }
  if (!IsValue(field)) return Short(CellText(message, field));
  return Short(ProtoJson(message.GetReflection()->GetMessage(message, &field), Layout::kOneLine));
}

std::vector<std::string> Items(const Message& message, const FieldDescriptor& field) {
  std::vector<std::string> items;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    items.push_back(ItemText(message, field, i));
  }
  return items;
}

// What is in `items` and not in `others`, each with the sign before it; both are sorted.
void AppendItems(const char* sign, const std::vector<std::string>& items,
                 const std::vector<std::string>& others, std::vector<std::string>& words) {
  std::vector<std::string> only;
  std::set_difference(items.begin(), items.end(), others.begin(), others.end(),
                      std::back_inserter(only));
  for (size_t i = 0; i < only.size() && i < kItemsMax; ++i) {
    words.push_back(absl::StrCat(sign, Short(only[i])));
  }
  if (only.size() > kItemsMax) {
    words.push_back(absl::StrCat(sign, "(", only.size() - kItemsMax, " more)"));
  }
}

std::string ListDifference(std::vector<std::string> before, std::vector<std::string> after) {
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  std::vector<std::string> words;
  AppendItems("-", before, after, words);
  AppendItems("+", after, before, words);
  return words.empty() ? "in another order" : absl::StrJoin(words, " ");
}

std::string FieldDifference(const Message& before, const Message& after,
                            const FieldDescriptor& field) {
  if (field.is_repeated()) return ListDifference(Items(before, field), Items(after, field));
  return absl::StrCat(ValueText(before, field), kArrow, ValueText(after, field));
}

// What a field holds, where there is nothing to compare it with.
std::string WholeText(const Message& message, const FieldDescriptor& field) {
  if (!field.is_repeated()) return ValueText(message, field);
  const std::vector<std::string> items = Items(message, field);
  return items.empty() ? kUnset : Short(absl::StrCat("[", absl::StrJoin(items, ", "), "]"));
}

// The key that stands in a path: in backquotes, doubled inside, if it is not a plain word.
std::string KeyOf(absl::string_view quoted) {
  if (!absl::ConsumePrefix(&quoted, "`")) return std::string(quoted);
  absl::ConsumeSuffix(&quoted, "`");
  return absl::StrReplaceAll(quoted, {{"``", "`"}});
}

std::string CustomText(const Message& resource, const std::string& key) {
  const FieldDescriptor& field = FieldNamed(resource, "custom_fields");
  const auto& reflection = *resource.GetReflection();
  for (int i = 0; i < reflection.FieldSize(resource, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(resource, &field, i);
    if (GetString(entry, "key") == key) return ValueText(entry, FieldNamed(entry, "value"));
  }
  return kUnset;
}

// `before` is null if it is not known.
std::string PathDifference(const std::string& path, const Message* before, const Message& after) {
  absl::string_view name = path;
  if (absl::ConsumePrefix(&name, kCustomFields)) {
    const std::string key = KeyOf(name);
    return absl::StrCat(OneLine(path), " ", before == nullptr ? kUnknown : CustomText(*before, key),
                        kArrow, CustomText(after, key));
  }
  const bool inside = absl::ConsumePrefix(&name, kFields);
  const auto owner = [inside](const Message& resource) -> const Message& {
    return inside ? GetMessage(resource, "fields") : resource;
  };
  const std::string field_name(name);
  const FieldDescriptor* field = owner(after).GetDescriptor()->FindFieldByName(field_name);
  // Of a newer server: nothing here can read its value.
  if (field == nullptr) return OneLine(field_name);
  if (before == nullptr) {
    return absl::StrCat(field_name, " ", kUnknown, kArrow, WholeText(owner(after), *field));
  }
  return absl::StrCat(field_name, " ", FieldDifference(owner(*before), owner(after), *field));
}

}  // namespace

std::string DifferenceText(const Message& change) {
  const Message* before = Has(change, "previous") ? &GetMessage(change, "previous") : nullptr;
  const std::vector<std::string> paths = GetStrings(change, "changed_fields");
  std::vector<std::string> differences;
  for (const std::string& path : paths) {
    if (path == kUpdatedAt && paths.size() > 1) continue;
    differences.push_back(PathDifference(path, before, GetMessage(change, "resource")));
  }
  return absl::StrJoin(differences, ", ");
}

}  // namespace tributary::command
