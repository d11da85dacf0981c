#include "server/model/resource_reader.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/model/field_plan.h"
#include "server/model/nested_field.h"
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

// Room for most states, so that they need not grow while they are written.
constexpr size_t kUsualStateBytes = 1024;
constexpr size_t kUsualCustomFields = 16;

std::optional<Instant> ReadTime(const std::optional<JsonValue>& value, const Place& place,
                                WarningList& warnings) {
  if (!value.has_value() || value->IsNull()) return std::nullopt;
  std::optional<Instant> instant;
  if (value->kind() == JsonValue::Kind::kString) instant = ParseInstant(value->AsString());
  if (!instant.has_value()) warnings.Add(place, "must be a time as in ISO 8601; left out", *value);
  return instant;
}

// Which of `sent` hold: of equal keys the last, in the order of their keys (bytewise), at most
// kCustomFieldsMax of them. Where there are more, those that were sent first stay.
std::vector<size_t> LastOfEachKey(std::span<const JsonValue::Member> sent, size_t& left_out) {
  std::vector<size_t> order(sent.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto by_key = [&](size_t a, size_t b) {
    const int compared = sent[a].first.compare(sent[b].first);
    return compared != 0 ? compared < 0 : a < b;
  };
  std::sort(order.begin(), order.end(), by_key);
  size_t kept = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const bool again = i + 1 < order.size() && sent[order[i + 1]].first == sent[order[i]].first;
    if (!again) order[kept++] = order[i];
  }
  order.resize(kept);
  left_out = kept - std::min(kept, limits::kCustomFieldsMax);
  if (left_out > 0) {
    std::nth_element(order.begin(), order.begin() + limits::kCustomFieldsMax, order.end());
    order.resize(limits::kCustomFieldsMax);
    std::sort(order.begin(), order.end(), by_key);
  }
  return order;
}

}  // namespace

// The members of a resource that have a place in its frame.
struct ResourceReader::Members {
  explicit Members(const JsonValue& object) {
    const auto found =
        object.FindEach({"fields", "createdAt", "updatedAt", "warnings", "rawResource", "remote"});
    std::tie(fields, created_at, updated_at, warnings, raw, remote) = std::tuple_cat(found);
  }

  std::optional<JsonValue> fields, created_at, updated_at, warnings, raw, remote;
};

// A state under way. Its fields are written one after the other into one text, but for the
// warnings, which are known last, and what comes after them.
struct ResourceReader::Encoding {
  struct Custom {
    std::string_view key;
    size_t begin;  // of field 5 in `state`
    size_t size;
  };

  std::string state;  // fields 1 to 7
  std::vector<Custom> custom;
  std::string remote_id;  // field 10
  std::string raw;
  std::optional<int64_t> time_us;

  size_t SizeWithoutWarnings() const { return state.size() + remote_id.size(); }

  void DropLargestCustom() {
    const auto largest = std::max_element(custom.begin(), custom.end(), BySize);
    state.erase(largest->begin, largest->size);
    for (auto later = largest + 1; later != custom.end(); ++later) later->begin -= largest->size;
    custom.erase(largest);
  }
  std::string_view LargestCustom() const {
    return std::max_element(custom.begin(), custom.end(), BySize)->key;
  }

 private:
  static bool BySize(const Custom& a, const Custom& b) { return a.size < b.size; }
};

Key ResourceReader::KeyOf(const Model& model, std::string_view id) const {
  return {model.name(), headers_.connector_id, headers_.owner_id, std::string(id)};
}

std::optional<Mutation> ResourceReader::Read(const Model& model, const JsonValue& data,
                                             std::string_view id, Rank rank,
                                             WarningList& warnings) {
  return ReadAt(model, data, id, rank, Place::Resource(nullptr, "data"), warnings);
}

Mutation ResourceReader::ReadDelete(const Model& model, const JsonValue& data, std::string_view id,
                                    WarningList& warnings) {
  Encoding encoding;
  ReadTimes(Members(data), Place::Resource(nullptr, "data"), warnings, encoding);
  Mutation mutation;
  mutation.key = KeyOf(model, id);
  mutation.rank = Rank::kDeleted;
  mutation.time_us = encoding.time_us;
  return mutation;
}

void ResourceReader::Take(const ReferenceTarget& target, std::string_view field_model,
                          const JsonValue& object, const Place& place, WarningList& warnings) {
  const Model* model = registry_.FindSent(target.model);
  if (model == nullptr) model = registry_.FindSent(field_model);
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
  embedded_warnings_ += own.ours();
  embedded_.push_back(*std::move(mutation));
}

std::optional<Mutation> ResourceReader::ReadAt(const Model& model, const JsonValue& object,
                                               std::string_view id, Rank rank, const Place& place,
                                               WarningList& warnings) {
  const Members members(object);
  Encoding encoding;
  encoding.state.reserve(kUsualStateBytes);
  wire::AppendBytes(encoding.state, kConnectorId, headers_.connector_id);
  wire::AppendBytes(encoding.state, kOwnerId, headers_.owner_id);
  wire::AppendBytes(encoding.state, kId, id);
  if (body_.lone_surrogates() && HasReplacementCharacter(id)) {
    warnings.Add(place.Named("id", "id"), "half a surrogate pair was replaced by U+FFFD");
  }
  if (members.warnings.has_value()) {
    warnings.TakeSent(*members.warnings, place.Named("warnings", "warnings"));
  }
  ReadFields(model, members, place, warnings, encoding);
  ReadTimes(members, place, warnings, encoding);
  ReadRaw(members, place, warnings, encoding);
  if (!Fit(place, warnings, encoding)) return std::nullopt;

  Mutation mutation;
  mutation.key = KeyOf(model, id);
  mutation.rank = rank;
  mutation.time_us = encoding.time_us;
  mutation.state = std::move(encoding.state);
  mutation.state += warnings.Encode();
  mutation.state += encoding.remote_id;
  mutation.raw = std::move(encoding.raw);
  return mutation;
}

void ResourceReader::ReadFields(const Model& model, const Members& members, const Place& place,
                                WarningList& warnings, Encoding& encoding) {
  FieldReader reader(body_, *this, warnings);
  const Place at = place.Named("fields", "fields");
  const JsonValue* fields = nullptr;
  if (members.fields.has_value() && members.fields->IsObject()) {
    fields = &*members.fields;
  } else if (members.fields.has_value() && !members.fields->IsNull()) {
    warnings.Add(at, "must be an object; left out", *members.fields);
  }
  std::vector<JsonValue::Member> unknown;
  unknown.reserve(kUsualCustomFields);
  NestedField content(encoding.state, kFields);
  reader.ReadMessage(model.fields(), fields, at, encoding.state, &unknown);
  if (fields != nullptr) {
    content.End();
  } else {
    content.Drop();
  }
  if (!unknown.empty()) {
    CheckCustom(model, ReadCustom(unknown, at, reader, warnings, encoding), at, warnings);
  }
  reader.ReadRemoteId(members.remote, place, kRemoteId, encoding.remote_id);
}

std::vector<SentField> ResourceReader::ReadCustom(std::span<const JsonValue::Member> sent,
                                                  const Place& fields, FieldReader& reader,
                                                  WarningList& warnings, Encoding& encoding) {
  std::vector<SentField> kept;
  size_t left_out = 0;
  const std::vector<size_t> order = LastOfEachKey(sent, left_out);
  kept.reserve(order.size());
  encoding.custom.reserve(order.size());
  for (const size_t index : order) {
    const auto& [key, value] = sent[index];
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
    const size_t begin = encoding.state.size();
    if (!reader.ReadEntry(kCustomFields, key, value, at, encoding.state)) continue;
    encoding.custom.push_back({key, begin, encoding.state.size() - begin});
    kept.push_back({key, &value});
  }
  if (left_out > 0) {
    warnings.Add(fields, absl::StrCat("must not have more than ", limits::kCustomFieldsMax,
                                      " custom fields; ", left_out, " of them left out"));
  }
  return kept;
}

void ResourceReader::CheckCustom(const Model& model, std::span<const SentField> kept,
                                 const Place& fields, WarningList& warnings) {
  if (custom_fields_ == nullptr) return;
  CustomFieldRules::Findings found = custom_fields_->Check(
      {model.name(), headers_.connector_id, headers_.owner_id}, kept, arrived_us_);
  for (const auto& [index, rule] : found.contradictions) {
    warnings.AddTolerated(fields.Custom(kept[index].key), rule, *kept[index].value);
  }
  std::move(found.definitions.begin(), found.definitions.end(), std::back_inserter(embedded_));
}

void ResourceReader::ReadTimes(const Members& members, const Place& place, WarningList& warnings,
                               Encoding& encoding) {
  const std::optional<Instant> created =
      ReadTime(members.created_at, place.Named("createdAt", "created_at"), warnings);
  if (created.has_value()) {
    wire::AppendBytes(encoding.state, kCreatedAt, EncodeTimestamp(*created));
  }
  const Place at = place.Named("updatedAt", "updated_at");
  const std::optional<Instant> updated = ReadTime(members.updated_at, at, warnings);
  if (!updated.has_value()) return;
  wire::AppendBytes(encoding.state, kUpdatedAt, EncodeTimestamp(*updated));
  if (updated->Micros() > arrived_us_ + limits::kFutureMicrosMax) {
    warnings.Add(at, "must not lie in the future; ordered by the time of receipt instead",
                 *members.updated_at);
    return;
  }
  encoding.time_us = updated->Micros();
}

void ResourceReader::ReadRaw(const Members& members, const Place& place, WarningList& warnings,
                             Encoding& encoding) {
  if (!keep_raw_ || !members.raw.has_value() || members.raw->IsNull()) return;
  const Place at = place.Named("rawResource", "raw_resource");
  FieldReader reader(body_, *this, warnings);
  if (!reader.ReadValue(*members.raw, at, encoding.raw)) return;
  if (encoding.raw.size() > limits::kRawBytesMax) {
    warnings.Add(at, absl::StrCat("must not take more than ", limits::kRawBytesMax, " bytes, has ",
                                  encoding.raw.size(), "; left out"));
    encoding.raw.clear();
  }
}

bool ResourceReader::Fit(const Place& place, WarningList& warnings, Encoding& encoding) {
  const Place fields = place.Named("fields", "fields");
  size_t warning_size = warnings.Encode().size();
  const auto size = [&] { return encoding.SizeWithoutWarnings() + warning_size; };
  const auto fit_custom = [&] {
    while (size() > limits::kResourceBytesMax && !encoding.custom.empty()) {
      warnings.Add(fields.Custom(encoding.LargestCustom()),
                   absl::StrCat("a resource must not take more than ", limits::kResourceBytesMax,
                                " bytes; its largest custom fields are left out"));
      encoding.DropLargestCustom();
      warning_size = warnings.Encode().size();
    }
    return size() <= limits::kResourceBytesMax;
  };
  if (!fit_custom()) return false;
  if (size() + encoding.raw.size() <= limits::kResourceAndRawBytesMax) return true;
  warnings.Add(place.Named("rawResource", "raw_resource"),
               absl::StrCat("must not make the resource larger than ",
                            limits::kResourceAndRawBytesMax, " bytes; left out"));
  encoding.raw.clear();
  warning_size = warnings.Encode().size();
  return fit_custom();
}

}  // namespace tributary
