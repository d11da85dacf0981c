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

// Text stands in quotes: it may hold anything, also what stands between two values here.
std::string Quoted(const std::string& text) { return absl::StrCat("\"", Short(text), "\""); }

bool IsValue(const FieldDescriptor& field) {
  return field.message_type() == google::protobuf::Value::descriptor();
}

// A message whose fields are looked at one by one.
bool IsNested(const FieldDescriptor& field) {
  return field.message_type() != nullptr && !IsTime(field) && !IsReference(field) &&
         !IsValue(field);
}

std::string ValueText(const Message& message, const FieldDescriptor& field) {
  if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) return kUnset;
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) return Quoted(CellText(message, field));
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

// The same field in the state before and in the one after, which are messages of one type.
struct Pair {
  const Message& before;
  const Message& after;
};

bool Differs(const Pair& pair, const FieldDescriptor& field) {
  if (field.is_repeated()) return Items(pair.before, field) != Items(pair.after, field);
  const auto has = [&](const Message& message) {
    return message.GetReflection()->HasField(message, &field);
  };
  return has(pair.before) != has(pair.after) ||
         CellText(pair.before, field) != CellText(pair.after, field);
}

void AppendField(const std::string& path, const Pair& pair, const FieldDescriptor& field,
                 std::vector<std::string>& out) {
  if (field.is_repeated()) {
    out.push_back(absl::StrCat(
        path, " ", ListDifference(Items(pair.before, field), Items(pair.after, field))));
    return;
  }
  const bool in_both = pair.before.GetReflection()->HasField(pair.before, &field) &&
                       pair.after.GetReflection()->HasField(pair.after, &field);
  if (!IsNested(field) || !in_both) {
    out.push_back(absl::StrCat(path, " ", ValueText(pair.before, field), kArrow,
                               ValueText(pair.after, field)));
    return;
  }
  const Pair inner{pair.before.GetReflection()->GetMessage(pair.before, &field),
                   pair.after.GetReflection()->GetMessage(pair.after, &field)};
  for (int i = 0; i < field.message_type()->field_count(); ++i) {
    const FieldDescriptor& part = *field.message_type()->field(i);
    if (Differs(inner, part)) AppendField(absl::StrCat(path, ".", part.name()), inner, part, out);
  }
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

void AppendPath(const std::string& path, const Message* before, const Message& after,
                std::vector<std::string>& out) {
  absl::string_view name = path;
  if (absl::ConsumePrefix(&name, kCustomFields)) {
    const std::string key = KeyOf(name);
    out.push_back(absl::StrCat(OneLine(path), " ",
                               before == nullptr ? kUnknown : CustomText(*before, key), kArrow,
                               CustomText(after, key)));
    return;
  }
  const bool inside = absl::ConsumePrefix(&name, kFields);
  const auto owner = [inside](const Message& resource) -> const Message& {
    return inside ? GetMessage(resource, "fields") : resource;
  };
  const std::string field_name(name);
  const FieldDescriptor* field = owner(after).GetDescriptor()->FindFieldByName(field_name);
  if (field == nullptr) {
    out.push_back(OneLine(field_name));  // of a newer server: nothing here can read its value
  } else if (before == nullptr) {
    out.push_back(absl::StrCat(field_name, " ", kUnknown, kArrow, WholeText(owner(after), *field)));
  } else {
    AppendField(field_name, {owner(*before), owner(after)}, *field, out);
  }
}

}  // namespace

std::string DifferenceText(const Message& change) {
  const Message* before = Has(change, "previous") ? &GetMessage(change, "previous") : nullptr;
  const std::vector<std::string> paths = GetStrings(change, "changed_fields");
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    if (path == kUpdatedAt && paths.size() > 1) continue;
    AppendPath(path, before, GetMessage(change, "resource"), out);
  }
  return absl::StrJoin(out, ", ");
}

}  // namespace tributary::command
