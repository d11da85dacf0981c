#include "server/model/field_reader.h"

#include <optional>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/model/nested_field.h"
#include "server/model/scalar_reader.h"
#include "server/model/value_encoder.h"

namespace tributary {
namespace {

using Kind = JsonValue::Kind;

constexpr std::string_view kSurrogateReplaced = "half a surrogate pair was replaced by U+FFFD";

// Field numbers of tributary.v1.ResourceRef.
constexpr uint32_t kRefModel = 1;
constexpr uint32_t kRefId = 2;
constexpr uint32_t kRefRemoteId = 3;

wire::Type WireTypeOf(FieldKind kind) {
  switch (kind) {
    case FieldKind::kDouble:
      return wire::Type::kFixed64;
    case FieldKind::kInteger:
    case FieldKind::kBool:
    case FieldKind::kEnum:
      return wire::Type::kVarint;
    default:
      return wire::Type::kBytes;
  }
}

std::string LengthRule(const FieldPlan& field) {
  if (field.min_length == field.max_length) {
    return absl::StrCat("must have exactly ", field.min_length, " characters");
  }
  if (field.max_length == 0)
    return absl::StrCat("must have at least ", field.min_length, " characters");
  if (field.min_length == 0)
    return absl::StrCat("must have at most ", field.max_length, " characters");
  return absl::StrCat("must have ", field.min_length, " to ", field.max_length, " characters");
}

std::string Counted(std::string_view rule, size_t count) {
  return count == 1 ? std::string(rule) : absl::StrCat(Absl(rule), " (", count, " of them)");
}

}  // namespace

void FieldReader::ReadMessage(const MessagePlan& plan, const JsonValue* object, const Place& place,
                              std::string& out, std::vector<JsonValue::Member>* unknown) {
  // The members are sorted into the plan's order first: keys come in any order, and of equal ones
  // the last holds.
  absl::InlinedVector<std::optional<JsonValue>, 16> sent(plan.fields().size());
  if (object != nullptr) {
    object->ForEachMember([&](std::string_view key, JsonValue value) {
      const int index = plan.IndexOf(key);
      if (index >= 0) {
        sent[static_cast<size_t>(index)] = value;
      } else if (unknown != nullptr) {
        unknown->emplace_back(key, value);
      }
    });
  }
  for (size_t i = 0; i < sent.size(); ++i) {
    const FieldPlan& field = plan.fields()[i];
    const Place at = place.Named(field.key, field.name);
    const bool present = sent[i].has_value() && ReadField(field, *sent[i], at, out);
    if (!present && field.required) warnings_.Add(at, "is required");
  }
}

bool FieldReader::ReadField(const FieldPlan& field, const JsonValue& value, const Place& place,
                            std::string& out) {
  if (value.IsNull()) return false;
  if (field.kind == FieldKind::kValueMap) {
    ReadMap(field, value, place, out);
    return true;
  }
  if (field.repeated) {
    ReadList(field, value, place, out);
    return true;
  }
  const wire::Type type = WireTypeOf(field.kind);
  if (type == wire::Type::kBytes) {
    NestedField nested(out, field.number);
    const Outcome outcome = ReadContent(field, value, place, out);
    if (outcome == Outcome::kKept) {
      nested.End();
    } else {
      nested.Drop();
    }
    return outcome != Outcome::kAbsent;
  }
  const size_t before = out.size();
  wire::AppendTag(out, field.number, type);
  const Outcome outcome = ReadContent(field, value, place, out);
  if (outcome != Outcome::kKept) out.resize(before);
  return outcome != Outcome::kAbsent;
}

void FieldReader::ReadList(const FieldPlan& field, const JsonValue& value, const Place& place,
                           std::string& out) {
  size_t index = 0;
  const auto for_each_item = [&](auto read) {
    if (value.kind() == Kind::kArray) {
      value.ForEachItem([&](const JsonValue& item) {
        const Place at = place.Item(index++);
        if (!item.IsNull()) read(item, at);
      });
    } else {
      warnings_.Add(place, "must be a list; read as a list of one", value);
      read(value, place.Item(0));
    }
  };
  if (WireTypeOf(field.kind) == wire::Type::kBytes) {
    for_each_item([&](const JsonValue& item, const Place& at) {
      NestedField nested(out, field.number);
      if (ReadContent(field, item, at, out) == Outcome::kKept) {
        nested.End();
      } else {
        nested.Drop();
      }
    });
    return;
  }
  NestedField packed(out, field.number);
  for_each_item([&](const JsonValue& item, const Place& at) { ReadContent(field, item, at, out); });
  if (packed.empty()) {
    packed.Drop();
  } else {
    packed.End();
  }
}

void FieldReader::ReadMap(const FieldPlan& field, const JsonValue& value, const Place& place,
                          std::string& out) {
  if (!value.IsObject()) {
    LeftOut(value, place, "must be an object; left out");
    return;
  }
  for (const auto& [key, item] : value.SortedMembers()) {
    ReadEntry(field.number, key, item, place.Entry(key), out);
  }
}

bool FieldReader::ReadEntry(uint32_t number, std::string_view key, const JsonValue& value,
                            const Place& place, std::string& out) {
  NestedField entry(out, number);
  wire::AppendBytes(out, 1, key);
  NestedField content(out, 2);
  if (!ReadValue(value, place, out)) {
    entry.Drop();
    return false;
  }
  content.End();
  entry.End();
  return true;
}

FieldReader::Outcome FieldReader::LeftOut(const JsonValue& value, const Place& place,
                                          std::string_view rule) {
  warnings_.Add(place, rule, value);
  return Outcome::kLeftOut;
}

FieldReader::Outcome FieldReader::ReadContent(const FieldPlan& field, const JsonValue& value,
                                              const Place& place, std::string& out) {
  switch (field.kind) {
    case FieldKind::kString:
      return ReadString(field, value, place, out);
    case FieldKind::kReference:
      return ReadReference(field, value, place, out);
    case FieldKind::kMessage:
      if (!value.IsObject()) return LeftOut(value, place, "must be an object; left out");
      ReadMessage(*field.message, &value, place, out, nullptr);
      return Outcome::kKept;
    default:
      break;
  }
  const ScalarResult result = ReadScalar(field, value, out);
  if (!result.broken_rule.empty()) warnings_.Add(place, result.broken_rule, value);
  return result.kept ? Outcome::kKept : Outcome::kLeftOut;
}

FieldReader::Outcome FieldReader::ReadString(const FieldPlan& field, const JsonValue& value,
                                             const Place& place, std::string& out) {
  std::string other;  // the text of what is no string
  std::string_view text;
  const Kind kind = value.kind();
  if (kind == Kind::kString) {
    text = value.AsString();
    if (text.empty() && field.empty_is_absent) return Outcome::kAbsent;
  } else if (value.IsNumber() || kind == Kind::kBool) {
    other = value.IsNumber() ? value.NumberText() : value.AsBool() ? "true" : "false";
    text = other;
    warnings_.Add(place, "must be a string; kept as its text", value);
  } else {
    return LeftOut(value, place, "must be a string; left out");
  }
  CheckText(field, text, value, place);
  out += text;
  return Outcome::kKept;
}

void FieldReader::CheckText(const FieldPlan& field, std::string_view text, const JsonValue& value,
                            const Place& place) {
  // A UTF-16 code unit takes one to three bytes, so most texts need not be counted.
  const bool long_enough = text.size() >= size_t{field.min_length} * 3;
  const bool short_enough = field.max_length == 0 || text.size() <= field.max_length;
  if (!long_enough || !short_enough) {
    const size_t length = Utf16Length(text);
    if (length < field.min_length || (field.max_length != 0 && length > field.max_length)) {
      warnings_.Add(place, LengthRule(field), value);
    }
  }
  if (field.email && !LooksLikeEmail(text)) warnings_.Add(place, "must be an email address", value);
  if (body_.lone_surrogates() && HasReplacementCharacter(text)) {
    warnings_.Add(place, kSurrogateReplaced, value);
  }
}

bool FieldReader::IsName(std::string_view text) {
  return !text.empty() && text.size() <= limits::kNameBytesMax && IsCleanUtf8(text);
}

std::string_view FieldReader::IdText(const JsonValue& value, std::string& digits) {
  if (value.kind() == Kind::kString) return value.AsString();
  if (value.IsNumber()) digits = value.NumberText();
  return digits;
}

std::string_view FieldReader::ReferenceModel(const FieldPlan& field,
                                             const std::optional<JsonValue>& sent,
                                             const Place& place) {
  if (!sent.has_value() || sent->IsNull()) return field.ref;
  const std::string_view model = sent->AsString();
  if (model == field.ref) return field.ref;
  const Place at = place.Named("model", "model");
  if (sent->kind() != Kind::kString || !IsName(model)) {
    warnings_.Add(at, absl::StrCat("must be ", field.ref, "; read as that"), *sent);
    return field.ref;
  }
  warnings_.Add(at, absl::StrCat("must be ", field.ref), *sent);
  return model;
}

void FieldReader::ReadRemoteId(const std::optional<JsonValue>& remote, const Place& place,
                               uint32_t number, std::string& out) {
  if (!remote.has_value() || remote->IsNull()) return;
  const std::optional<JsonValue> id = remote->Find("id");
  if (remote->IsObject() && (!id.has_value() || id->IsNull())) return;
  std::string digits;
  const std::string_view text = id.has_value() ? IdText(*id, digits) : std::string_view();
  if (IsName(text)) {
    wire::AppendBytes(out, number, text);
    return;
  }
  warnings_.Add(
      place.Named("remote", "remote_id"),
      "must be an object with an id of at most 512 bytes without control characters; left out",
      *remote);
}

FieldReader::Outcome FieldReader::ReadReference(const FieldPlan& field, const JsonValue& value,
                                                const Place& place, std::string& out) {
  constexpr std::string_view kNeedsId = "a reference must have an id; left out";
  constexpr std::string_view kBadId =
      "the id of a reference must have at most 512 bytes and no control characters; left out";
  auto [id, model, remote, fields] = value.FindEach({"id", "model", "remote", "fields"});
  if (!value.IsObject()) id = value;
  if (!id.has_value() || id->IsNull()) return LeftOut(value, place, kNeedsId);
  // An empty id is how some connectors write that there is no such resource.
  if (id->kind() == Kind::kString && id->AsString().empty()) return Outcome::kAbsent;
  std::string digits;
  ReferenceTarget target;
  target.id = IdText(*id, digits);
  if (target.id.empty()) return LeftOut(value, place, kNeedsId);
  if (!IsName(target.id)) return LeftOut(value, place, kBadId);
  if (body_.lone_surrogates() && HasReplacementCharacter(target.id)) {
    warnings_.Add(place, kSurrogateReplaced, *id);
  }

  target.model = ReferenceModel(field, model, place);
  wire::AppendBytes(out, kRefModel, target.model);
  wire::AppendBytes(out, kRefId, target.id);
  ReadRemoteId(remote, place, kRefRemoteId, out);
  if (fields.has_value() && fields->IsObject()) {
    embedded_.Take(target, field.ref, value, place, warnings_);
  }
  return Outcome::kKept;
}

bool FieldReader::ReadValue(const JsonValue& value, const Place& place, std::string& out) {
  ValueEncoder encoder;
  const bool kept = encoder.Encode(value, out);
  if (encoder.too_deep()) {
    warnings_.Add(place, absl::StrCat("must not nest deeper than ", limits::kValueDepthMax,
                                      " levels; left out"));
    return false;
  }
  if (encoder.integers_as_text() > 0) {
    warnings_.Add(place,
                  Counted("an integer that a double cannot hold exactly is kept as a string",
                          encoder.integers_as_text()),
                  encoder.first_integer_as_text());
  }
  if (encoder.numbers_left_out() > 0) {
    warnings_.Add(
        place,
        Counted("a number beyond the range of a double is left out", encoder.numbers_left_out()),
        encoder.first_number_left_out());
  }
  if (kept && body_.lone_surrogates() && encoder.replacement_characters()) {
    warnings_.Add(place, kSurrogateReplaced, value);
  }
  return kept;
}

}  // namespace tributary
