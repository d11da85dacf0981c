#include "tests/filter/oracle.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "tests/filter/random_values.h"
#include "tributary/v1/resource.pb.h"

namespace tributary::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;
using google::protobuf::Value;

const std::vector<std::string> kPatterns = {"*a", "a*", "a*c", "*", "**", "*b*", "a*b*c", "x*"};

bool IsRef(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_MESSAGE &&
         field.message_type() == v1::ResourceRef::descriptor();
}

// One value of a field, in the terms of a filter.
struct Leaf {
  enum class Kind { kText, kNumber, kTruth, kEnum, kTime, kNull, kList, kOther };
  Kind kind = Kind::kOther;
  std::string text;
  double number = 0;
  Timestamp time;
  std::vector<Leaf> elements;
};

Leaf LeafOf(const Value& value) {
  Leaf leaf;
  switch (value.kind_case()) {
    case Value::kStringValue:
      leaf.kind = Leaf::Kind::kText;
      leaf.text = value.string_value();
      break;
    case Value::kNumberValue:
      leaf.kind = Leaf::Kind::kNumber;
      leaf.number = value.number_value();
      break;
    case Value::kBoolValue:
      leaf.kind = Leaf::Kind::kTruth;
      leaf.text = value.bool_value() ? "true" : "false";
      break;
    case Value::kListValue:
      leaf.kind = Leaf::Kind::kList;
      for (const Value& one : value.list_value().values()) leaf.elements.push_back(LeafOf(one));
      break;
    default:
      leaf.kind = Leaf::Kind::kNull;
  }
  return leaf;
}

Leaf LeafOf(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool list = index >= 0;
  Leaf leaf;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      leaf.kind = Leaf::Kind::kText;
      leaf.text = list ? reflection.GetRepeatedString(message, &field, index)
                       : reflection.GetString(message, &field);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      leaf.kind = Leaf::Kind::kNumber;
      leaf.number = reflection.GetDouble(message, &field);
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      leaf.kind = Leaf::Kind::kNumber;
      leaf.number = list ? reflection.GetRepeatedInt32(message, &field, index)
                         : reflection.GetInt32(message, &field);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      leaf.kind = Leaf::Kind::kTruth;
      leaf.text = reflection.GetBool(message, &field) ? "true" : "false";
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      leaf.kind = Leaf::Kind::kEnum;
      leaf.text = (list ? reflection.GetRepeatedEnum(message, &field, index)
                        : reflection.GetEnum(message, &field))
                      ->name();
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Message& inner = list ? reflection.GetRepeatedMessage(message, &field, index)
                                  : reflection.GetMessage(message, &field);
      if (IsTime(field)) {
        leaf.kind = Leaf::Kind::kTime;
        leaf.time = static_cast<const Timestamp&>(inner);
      } else if (IsRef(field)) {
        leaf.kind = Leaf::Kind::kText;
        leaf.text = static_cast<const v1::ResourceRef&>(inner).id();
      }
      break;
    }
    default:
      break;
  }
  return leaf;
}

// All values that `tree` speaks of.
std::vector<Leaf> Leaves(const Tree& tree, const Message& message, size_t at) {
  const FieldDescriptor& field = *tree.path[at];
  const Reflection& reflection = *message.GetReflection();
  std::vector<Leaf> leaves;
  const int count = field.is_repeated() ? reflection.FieldSize(message, &field)
                    : !field.has_presence() || reflection.HasField(message, &field) ? 1
                                                                                    : 0;
  for (int i = 0; i < count; ++i) {
    const int index = field.is_repeated() ? i : -1;
    if (field.is_map()) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, index);
      const Descriptor& type = *entry.GetDescriptor();
      if (entry.GetReflection()->GetString(entry, type.map_key()) != tree.key) continue;
      leaves.push_back(LeafOf(
          static_cast<const Value&>(entry.GetReflection()->GetMessage(entry, type.map_value()))));
    } else if (at + 1 == tree.path.size()) {
      leaves.push_back(LeafOf(message, field, index));
    } else {
      const Message& inner = field.is_repeated()
                                 ? reflection.GetRepeatedMessage(message, &field, index)
                                 : reflection.GetMessage(message, &field);
      for (Leaf& leaf : Leaves(tree, inner, at + 1)) leaves.push_back(std::move(leaf));
    }
  }
  return leaves;
}

bool Glob(const char* text, const char* pattern) {
  if (*pattern == '\0') return *text == '\0';
  if (*pattern == '*') return Glob(text, pattern + 1) || (*text != '\0' && Glob(text + 1, pattern));
  return *text == *pattern && Glob(text + 1, pattern + 1);
}

template <typename T>
bool InOrder(const T& a, const std::string& comparator, const T& b) {
  if (comparator == "<") return a < b;
  if (comparator == "<=") return !(b < a);
  if (comparator == ">") return b < a;
  if (comparator == ">=") return !(a < b);
  return !(a < b) && !(b < a);
}

bool HoldsOne(const Leaf& leaf, std::string comparator, const std::string& value, bool part) {
  if (comparator == "!=") comparator = "=";
  switch (leaf.kind) {
    case Leaf::Kind::kText:
      if (comparator == ":" || comparator == "=") {
        return Glob(leaf.text.c_str(), (part ? "*" + value + "*" : value).c_str());
      }
      return InOrder(leaf.text, comparator, value);
    case Leaf::Kind::kNumber: {
      char* end = nullptr;
      const double number = std::strtod(value.c_str(), &end);
      return !value.empty() && *end == '\0' && InOrder(leaf.number, comparator, number);
    }
    case Leaf::Kind::kTruth:
    case Leaf::Kind::kEnum:
      return (comparator == "=" || comparator == ":") && leaf.text == value;
    case Leaf::Kind::kTime: {
      const auto known = std::find(kTimes.begin(), kTimes.end(), value);
      const auto& instant = kInstants[static_cast<size_t>(known - kTimes.begin())];
      return InOrder(std::pair<int64_t, int32_t>(leaf.time.seconds(), leaf.time.nanos()),
                     comparator, {instant.first, instant.second});
    }
    case Leaf::Kind::kList:
      return comparator == ":" &&
             std::any_of(leaf.elements.begin(), leaf.elements.end(), [&](const Leaf& element) {
               return element.kind != Leaf::Kind::kList && HoldsOne(element, "=", value, false);
             });
    default:
      return false;
  }
}

std::vector<std::string> ValuesFor(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return {"true", "false"};
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::vector<std::string> names;
      for (int i = 1; i < field.enum_type()->value_count(); ++i) {
        names.push_back(field.enum_type()->value(i)->name());
      }
      return names;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return kTexts;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return IsTime(field) ? kTimes : kTexts;
    default:
      return kNumbers;
  }
}

Tree RandomTerm(const Descriptor& resource, Dice& dice) {
  Tree tree;
  const Descriptor* message = &resource;
  bool list = false;
  while (true) {
    const FieldDescriptor* field = message->field(dice.Below(message->field_count()));
    if (message == &resource && dice.Chance(0.6)) field = resource.FindFieldByName("fields");
    if (field->name() == "raw_resource" || field->name() == "revision") continue;
    if (field->type() == FieldDescriptor::TYPE_MESSAGE &&
        field->message_type()->field_count() == 0) {
      continue;
    }
    tree.path.push_back(field);
    list = list || (field->is_repeated() && !field->is_map());
    if (field->is_map() || field->type() != FieldDescriptor::TYPE_MESSAGE || IsTime(*field) ||
        IsRef(*field)) {
      break;
    }
    message = field->message_type();
  }
  const FieldDescriptor& field = *tree.path.back();
  const bool text = field.is_map() || field.type() == FieldDescriptor::TYPE_STRING || IsRef(field);
  const bool ordered = !field.is_map() && !IsRef(field) &&
                       field.type() != FieldDescriptor::TYPE_BOOL &&
                       field.type() != FieldDescriptor::TYPE_ENUM;
  if (field.is_map()) tree.key = dice.Of(kKeys);
  tree.comparator = list             ? ":"
                    : ordered        ? dice.Of<std::string>({"=", "!=", "<", "<=", ">", ">=", ":"})
                    : field.is_map() ? dice.Of<std::string>({"=", "!=", ":"})
                                     : dice.Of<std::string>({"=", "!=", ":"});
  const bool order = tree.comparator[0] == '<' || tree.comparator[0] == '>';
  const int values = order ? 1 : 1 + dice.Below(3) / 2;
  for (int i = 0; i < values; ++i) {
    if (field.is_map()) {
      tree.values.push_back(dice.Chance(0.5) ? dice.Of(kTexts) : dice.Of(kNumbers));
    } else {
      tree.values.push_back(text && !order && dice.Chance(0.3) ? dice.Of(kPatterns)
                                                               : dice.Of(ValuesFor(field)));
    }
  }
  if (!order && dice.Chance(0.1)) tree.values = {"*"};
  return tree;
}

bool IsBare(const std::string& text) {
  return !text.empty() && text.find_first_of(" \"'`()\\") == std::string::npos;
}

std::string TextOf(const Tree& term, Dice& dice) {
  std::string text;
  for (size_t i = 0; i < term.path.size(); ++i) {
    const FieldDescriptor& field = *term.path[i];
    // What the frame has too needs its `fields.`
    if (i == 0 && field.name() == "fields" && term.path.size() > 1 && dice.Chance(0.5) &&
        field.containing_type()->FindFieldByName(term.path[1]->name()) == nullptr) {
      continue;
    }
    text += (text.empty() ? "" : ".") + (dice.Chance(0.5) ? field.name() : field.json_name());
  }
  if (!term.key.empty()) text += ".`" + term.key + "`";
  text += (dice.Chance(0.5) ? " " : "") + term.comparator + (dice.Chance(0.5) ? " " : "");
  // What JSON held is compared by the type that a bare word has; a text in quotes is a text.
  const bool dynamic = term.path.back()->is_map();
  std::string values;
  for (const std::string& value : term.values) {
    const bool bare = IsBare(value) && (dynamic || value == "*" || dice.Chance(0.5));
    values += (values.empty() ? "" : " OR ") + (bare ? value : "\"" + value + "\"");
  }
  return text + (term.values.size() > 1 || dice.Chance(0.1) ? "(" + values + ")" : values);
}

}  // namespace

Tree Tree::Random(const Descriptor& resource, Dice& dice, int depth) {
  if (depth == 0 || dice.Chance(0.4)) return RandomTerm(resource, dice);
  Tree tree;
  tree.kind = dice.Of<Kind>({Kind::kAnd, Kind::kOr, Kind::kNot});
  const int parts = tree.kind == Kind::kNot ? 1 : 2 + dice.Below(2);
  for (int i = 0; i < parts; ++i) tree.parts.push_back(Random(resource, dice, depth - 1));
  return tree;
}

std::string Tree::Text(Dice& dice) const {
  if (kind == Kind::kTerm) return TextOf(*this, dice);
  if (kind == Kind::kNot) {
    const Tree& part = parts.front();
    const std::string inner = part.Text(dice);
    const bool brackets = part.kind == Kind::kAnd || part.kind == Kind::kOr || dice.Chance(0.2);
    return (dice.Chance(0.5) ? "NOT " : "-") + (brackets ? "(" + inner + ")" : inner);
  }
  std::string text;
  for (const Tree& part : parts) {
    if (!text.empty()) text += kind == Kind::kOr ? " OR " : dice.Chance(0.5) ? " AND " : " ";
    // OR binds tighter: a conjunction in it needs brackets, but not the other way round.
    const bool brackets =
        part.kind == kind || (kind == Kind::kOr && part.kind == Kind::kAnd) || dice.Chance(0.1);
    text += brackets ? "(" + part.Text(dice) + ")" : part.Text(dice);
  }
  return text;
}

bool Tree::Holds(const Message& resource) const {
  const auto holds = [&](const Tree& part) { return part.Holds(resource); };
  if (kind == Kind::kAnd) return std::all_of(parts.begin(), parts.end(), holds);
  if (kind == Kind::kOr) return std::any_of(parts.begin(), parts.end(), holds);
  if (kind == Kind::kNot) return !parts.front().Holds(resource);
  bool any = false;
  const bool list = std::any_of(path.begin(), path.end(), [](const FieldDescriptor* field) {
    return field->is_repeated() && !field->is_map();
  });
  const bool part = comparator == ":" && !list && !IsRef(*path.back());
  // A plain text that is empty is none, but in the frame, where it is an empty one.
  const bool plain = !path.back()->has_presence() && !path.back()->is_repeated();
  for (const Leaf& leaf : Leaves(*this, resource, 0)) {
    const bool star = values.size() == 1 && values[0] == "*";
    const bool none = plain && leaf.text.empty() && (path.size() > 1 || star);
    if (IsRef(*path.back()) && leaf.text.empty() && !star) continue;  // its id is a plain text too
    if (none || leaf.kind == Leaf::Kind::kNull) continue;
    if (plain && leaf.kind == Leaf::Kind::kEnum && path.back()->number() >= 0 &&
        leaf.text.ends_with("_UNSPECIFIED")) {
      continue;
    }
    if (star) any = true;
    for (const std::string& value : values) any = any || HoldsOne(leaf, comparator, value, part);
  }
  return comparator == "!=" ? !any : any;
}

}  // namespace tributary::testing
