#include "server/model/resource_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/model/field_plan.h"
#include "server/model/time_text.h"
#include "server/model/value_encoder.h"

namespace tributary {
namespace {

// Field numbers of the frame.
constexpr uint32_t kConnectorId = 1;
constexpr uint32_t kOwnerId = 2;
constexpr uint32_t kId = 3;
constexpr uint32_t kFields = 4;
constexpr uint32_t kCustomFields = 5;
constexpr uint32_t kCreatedAt = 6;
constexpr uint32_t kUpdatedAt = 7;
constexpr uint32_t kRemoteId = 10;

std::optional<Instant> ReadTime(const std::optional<JsonValue>& value, const Place& place,
                                WarningList& warnings) {
  if (!value.has_value() || value->IsNull()) return std::nullopt;
  std::optional<Instant> instant;
  if (value->kind() == JsonValue::Kind::kString) instant = ParseInstant(value->AsString());
  if (!instant.has_value()) warnings.Add(place, "must be a time as in ISO 8601; left out", *value);
  return instant;
}

// The members that hold, at most kCustomFieldsMax of them, in the order of their keys (bytewise).
// Where there are more, those that were sent first stay.
std::vector<JsonValue::Member> LastOfEachKey(std::vector<JsonValue::Member> sent,
                                             size_t& left_out) {
  std::vector<size_t> order(sent.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sent[a].first < sent[b].first; });
  std::vector<size_t> last;
  for (size_t i = 0; i < order.size(); ++i) {
    const bool again = i + 1 < order.size() && sent[order[i + 1]].first == sent[order[i]].first;
    if (!again) last.push_back(order[i]);
  }
  left_out = 0;
  if (last.size() > limits::kCustomFieldsMax) {
    left_out = last.size() - limits::kCustomFieldsMax;
    std::nth_element(last.begin(), last.begin() + limits::kCustomFieldsMax, last.end());
    last.resize(limits::kCustomFieldsMax);
    std::sort(last.begin(), last.end(),
              [&](size_t a, size_t b) { return sent[a].first < sent[b].first; });
  }
  std::vector<JsonValue::Member> kept;
  kept.reserve(last.size());
  for (const size_t index : last) kept.push_back(sent[index]);
  return kept;
}

}  // namespace

// The pieces of a state, in the order of their field numbers.
struct ResourceReader::Encoding {
  struct Custom {
    std::string_view key;
    std::string field;  // field 5 with its tag
  };

  std::string head;  // fields 1 to 4
  std::vector<Custom> custom;
  std::string times;  // fields 6 and 7
  std::string tail;   // field 10
  std::string raw;
  std::optional<int64_t> time_us;

  size_t SizeWithoutWarnings() const {
    size_t size = head.size() + times.size() + tail.size();
    for (const Custom& one : custom) size += one.field.size();
    return size;
  }

  std::string Join(std::string_view warnings) const {
    std::string state;
    state.reserve(SizeWithoutWarnings() + warnings.size());
    state += head;
    for (const Custom& one : custom) state += one.field;
    state += times;
    state += warnings;
    state += tail;
    return state;
  }
};

Key ResourceReader::KeyOf(const Model& model, std::string id) const {
  return {model.name(), headers_.connector_id, headers_.owner_id, std::move(id)};
}

std::optional<Mutation> ResourceReader::Read(const Model& model, const JsonValue& data,
                                             std::string id, Rank rank, WarningList& warnings) {
  return ReadAt(model, data, std::move(id), rank, Place::Resource(nullptr, "data"), warnings);
}

Mutation ResourceReader::ReadDelete(const Model& model, const JsonValue& data, std::string id,
                                    WarningList& warnings) {
  Encoding encoding;
  ReadTimes(data, Place::Resource(nullptr, "data"), warnings, encoding);
  Mutation mutation;
  mutation.key = KeyOf(model, std::move(id));
  mutation.rank = Rank::kDeleted;
  mutation.time_us = encoding.time_us;
  return mutation;
}

void ResourceReader::Take(const ReferenceTarget& target, std::string_view field_model,
                          const JsonValue& object, const Place& place, WarningList& warnings) {
  const Model* model = registry_.Find(target.model);
  if (model == nullptr) model = registry_.Find(field_model);
  if (model == nullptr) {
    warnings.Add(place, "a resource of an unknown model; only the reference is kept", target.model);
    return;
  }
  if (depth_ >= limits::kEmbeddedDepthMax) {
    warnings.Add(place,
                 absl::StrCat("must not embed resources deeper than ", limits::kEmbeddedDepthMax,
                              " levels; only the reference is kept"));
    return;
  }
  if (embedded_count_ >= limits::kEmbeddedMax) {
    warnings.Add(place, absl::StrCat("must not embed more than ", limits::kEmbeddedMax,
                                     " resources; only the reference is kept"));
    return;
  }
  ++embedded_count_;
  ++depth_;
  WarningList own;
  std::optional<Mutation> mutation =
      ReadAt(*model, object, target.id, Rank::kEmbedded, Place::Resource(&place, {}), own);
  --depth_;
  if (!mutation.has_value()) {
    warnings.Add(place, "an embedded resource that is too large; only the reference is kept");
    return;
  }
  embedded_warnings_ = embedded_warnings_ || own.ours() > 0;
  embedded_.push_back(*std::move(mutation));
}

std::optional<Mutation> ResourceReader::ReadAt(const Model& model, const JsonValue& object,
                                               std::string id, Rank rank, const Place& place,
                                               WarningList& warnings) {
  Encoding encoding;
  wire::AppendBytes(encoding.head, kConnectorId, headers_.connector_id);
  wire::AppendBytes(encoding.head, kOwnerId, headers_.owner_id);
  wire::AppendBytes(encoding.head, kId, id);
  if (body_.lone_surrogates() && HasReplacementCharacter(id)) {
    warnings.Add(place.Named("id", "id"), "half a surrogate pair was replaced by U+FFFD");
  }
  if (const std::optional<JsonValue> list = object.Find("warnings"); list.has_value()) {
    warnings.TakeFromSource(*list, place.Named("warnings", "warnings"));
  }
  ReadFields(model, object, place, warnings, encoding);
  ReadTimes(object, place, warnings, encoding);
  ReadRaw(object, place, warnings, encoding);
  if (!Fit(place, warnings, encoding)) return std::nullopt;

  Mutation mutation;
  mutation.key = KeyOf(model, std::move(id));
  mutation.rank = rank;
  mutation.time_us = encoding.time_us;
  mutation.state = encoding.Join(warnings.Encode());
  mutation.raw = std::move(encoding.raw);
  return mutation;
}

void ResourceReader::ReadFields(const Model& model, const JsonValue& object, const Place& place,
                                WarningList& warnings, Encoding& encoding) {
  FieldReader reader(body_, *this, warnings);
  std::optional<JsonValue> fields = object.Find("fields");
  const Place at = place.Named("fields", "fields");
  if (fields.has_value() && !fields->IsObject()) {
    if (!fields->IsNull()) warnings.Add(at, "must be an object; left out", *fields);
    fields.reset();
  }
  std::vector<JsonValue::Member> unknown;
  std::string content;
  reader.ReadMessage(model.fields(), fields.has_value() ? &*fields : nullptr, at, content,
                     &unknown);
  if (fields.has_value()) wire::AppendBytes(encoding.head, kFields, content);
  ReadCustom(std::move(unknown), at, reader, warnings, encoding);

  const std::string remote_id = reader.ReadRemoteId(object, place);
  if (!remote_id.empty()) wire::AppendBytes(encoding.tail, kRemoteId, remote_id);
}

void ResourceReader::ReadCustom(std::vector<JsonValue::Member> sent, const Place& fields,
                                FieldReader& reader, WarningList& warnings, Encoding& encoding) {
  if (sent.empty()) return;
  size_t left_out = 0;
  for (const auto& [key, value] : LastOfEachKey(std::move(sent), left_out)) {
    if (key.size() > limits::kCustomKeyBytesMax) {
      warnings.Add(fields,
                   absl::StrCat("the key of a custom field must not have more than ",
                                limits::kCustomKeyBytesMax, " bytes; left out"),
                   key);
      continue;
    }
    const Place at = fields.Custom(key);
    if (body_.lone_surrogates() && HasReplacementCharacter(key)) {
      warnings.Add(at, "half a surrogate pair in the key was replaced by U+FFFD");
    }
    std::string content;
    if (!reader.ReadValue(value, at, content)) continue;
    std::string entry;
    wire::AppendBytes(entry, 1, key);
    wire::AppendBytes(entry, 2, content);
    Encoding::Custom custom{key, {}};
    wire::AppendBytes(custom.field, kCustomFields, entry);
    encoding.custom.push_back(std::move(custom));
  }
  if (left_out > 0) {
    warnings.Add(fields, absl::StrCat("must not have more than ", limits::kCustomFieldsMax,
                                      " custom fields; ", left_out, " of them left out"));
  }
}

void ResourceReader::ReadTimes(const JsonValue& object, const Place& place, WarningList& warnings,
                               Encoding& encoding) {
  const std::optional<Instant> created =
      ReadTime(object.Find("createdAt"), place.Named("createdAt", "created_at"), warnings);
  if (created.has_value()) {
    wire::AppendBytes(encoding.times, kCreatedAt, EncodeTimestamp(*created));
  }
  const std::optional<JsonValue> sent = object.Find("updatedAt");
  const Place at = place.Named("updatedAt", "updated_at");
  const std::optional<Instant> updated = ReadTime(sent, at, warnings);
  if (!updated.has_value()) return;
  wire::AppendBytes(encoding.times, kUpdatedAt, EncodeTimestamp(*updated));
  if (updated->Micros() > arrived_us_ + limits::kFutureMicrosMax) {
    warnings.Add(at, "must not lie in the future; ordered by the time of receipt instead", *sent);
    return;
  }
  encoding.time_us = updated->Micros();
}

void ResourceReader::ReadRaw(const JsonValue& object, const Place& place, WarningList& warnings,
                             Encoding& encoding) {
  if (!keep_raw_) return;
  const std::optional<JsonValue> raw = object.Find("rawResource");
  if (!raw.has_value() || raw->IsNull()) return;
  const Place at = place.Named("rawResource", "raw_resource");
  FieldReader reader(body_, *this, warnings);
  if (!reader.ReadValue(*raw, at, encoding.raw)) return;
  if (encoding.raw.size() > limits::kRawBytesMax) {
    warnings.Add(at, absl::StrCat("must not take more than ", limits::kRawBytesMax, " bytes, has ",
                                  encoding.raw.size(), "; left out"));
    encoding.raw.clear();
  }
}

bool ResourceReader::Fit(const Place& place, WarningList& warnings, Encoding& encoding) {
  const Place fields = place.Named("fields", "fields");
  size_t size = encoding.SizeWithoutWarnings();
  size_t warning_size = warnings.Encode().size();
  const auto fit_custom = [&] {
    while (size + warning_size > limits::kResourceBytesMax && !encoding.custom.empty()) {
      const auto largest = std::max_element(
          encoding.custom.begin(), encoding.custom.end(),
          [](const auto& a, const auto& b) { return a.field.size() < b.field.size(); });
      warnings.Add(fields.Custom(largest->key),
                   absl::StrCat("a resource must not take more than ", limits::kResourceBytesMax,
                                " bytes; its largest custom fields are left out"));
      size -= largest->field.size();
      encoding.custom.erase(largest);
      warning_size = warnings.Encode().size();
    }
    return size + warning_size <= limits::kResourceBytesMax;
  };
  if (!fit_custom()) return false;
  if (size + warning_size + encoding.raw.size() <= limits::kResourceAndRawBytesMax) return true;
  warnings.Add(place.Named("rawResource", "raw_resource"),
               absl::StrCat("must not make the resource larger than ",
                            limits::kResourceAndRawBytesMax, " bytes; left out"));
  encoding.raw.clear();
  warning_size = warnings.Encode().size();
  return fit_custom();
}

}  // namespace tributary
