#include "server/model/resource_index.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/base/hash.h"
#include "server/base/wire.h"

namespace tributary {
namespace {

// Numbers of the frame (tributary/v1: the same in every resource).
constexpr uint32_t kFieldsNumber = 4;
constexpr uint32_t kCreatedAtNumber = 6;
constexpr uint32_t kUpdatedAtNumber = 7;
// Those of `Fields` come behind it.
constexpr uint32_t kFieldsBase = 1000;

constexpr uint32_t kReferenceId = 2;  // of tributary.v1.ResourceRef

// Makes the index anew when the forms below change.
constexpr int kForm = 1;

// Longer values are found by their beginning.
constexpr size_t kTextBytesMax = 512;

constexpr char kPresent = '\x01';  // before every value: what is absent sorts first

void AppendBigEndian(uint64_t bits, int bytes, std::string& out) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(bits >> shift));
  }
}

std::optional<std::string> ValueOf(FieldKind kind, const wire::Field& field) {
  switch (kind) {
    case FieldKind::kString:
      return ResourceIndex::OfText(field.bytes);
    case FieldKind::kDouble:
      return ResourceIndex::OfNumber(std::bit_cast<double>(field.varint));
    case FieldKind::kInteger:
    case FieldKind::kBool:
    case FieldKind::kEnum:
      return ResourceIndex::OfNumber(static_cast<double>(static_cast<int64_t>(field.varint)));
    case FieldKind::kTimestamp:
      return ResourceIndex::OfTime(DecodeTimestamp(field.bytes));
    case FieldKind::kReference: {
      wire::Reader reader(field.bytes);
      while (const auto part = reader.Next()) {
        if (part->number == kReferenceId) return ResourceIndex::OfText(part->bytes);
      }
      return std::nullopt;
    }
    case FieldKind::kMessage:
    case FieldKind::kValueMap:
      break;
  }
  return std::nullopt;
}

bool CanBeIndexed(const FieldPlan& field) {
  switch (field.kind) {
    case FieldKind::kString:
    case FieldKind::kReference:
      return true;
    case FieldKind::kMessage:
    case FieldKind::kValueMap:
      return false;
    default:
      return !field.repeated;
  }
}

}  // namespace

ResourceIndex::ResourceIndex(const Model& model) : model_(model.name()) {
  fields_.push_back({kCreatedAtNumber, "created_at", FieldKind::kTimestamp, true});
  fields_.push_back({kUpdatedAtNumber, "updated_at", FieldKind::kTimestamp, true});
  for (const FieldPlan& field : model.fields().fields()) {
    if (!field.indexed || !CanBeIndexed(field)) continue;
    fields_.push_back({kFieldsBase + field.number, absl::StrCat("fields.", field.name), field.kind,
                       !field.repeated && field.kind != FieldKind::kReference});
  }
}

const ResourceIndex::Field* ResourceIndex::Find(std::string_view path) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [path](const Field& field) {
    return field.path == path || field.path == "fields." + std::string(path);
  });
  return found == fields_.end() ? nullptr : &*found;
}

const ResourceIndex::Field* ResourceIndex::Find(const std::vector<uint32_t>& numbers) const {
  uint32_t number = 0;
  const bool of_fields = numbers.size() >= 2 && numbers[0] == kFieldsNumber;
  if (numbers.size() == 1) number = numbers[0];
  if (of_fields) number = kFieldsBase + numbers[1];
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [number](const Field& field) { return field.number == number; });
  if (found == fields_.end()) return nullptr;
  const size_t depth = of_fields ? 2 : 1;
  const bool whole = numbers.size() == depth;
  const bool id = numbers.size() == depth + 1 && numbers.back() == kReferenceId;
  return (found->kind == FieldKind::kReference ? id : whole) ? &*found : nullptr;
}

std::vector<IndexEntry> ResourceIndex::EntriesOf(std::string_view state) const {
  std::vector<IndexEntry> entries;
  entries.reserve(fields_.size());
  wire::Reader reader(state);
  while (const auto field = reader.Next()) {
    if (field->number == kFieldsNumber) AddOfFields(field->bytes, entries);
    if (field->number == kCreatedAtNumber || field->number == kUpdatedAtNumber) {
      entries.push_back({field->number, OfTime(DecodeTimestamp(field->bytes))});
    }
  }
  AddAbsent(entries);
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

void ResourceIndex::AddOfFields(std::string_view message, std::vector<IndexEntry>& entries) const {
  wire::Reader reader(message);
  while (const auto field = reader.Next()) {
    const uint32_t number = kFieldsBase + field->number;
    const auto indexed = std::lower_bound(
        fields_.begin(), fields_.end(), number,
        [](const Field& candidate, uint32_t wanted) { return candidate.number < wanted; });
    if (indexed == fields_.end() || indexed->number != number) continue;
    std::optional<std::string> value = ValueOf(indexed->kind, *field);
    if (value.has_value()) entries.push_back({number, *std::move(value)});
  }
}

void ResourceIndex::AddAbsent(std::vector<IndexEntry>& entries) const {
  const size_t present = entries.size();
  for (const Field& field : fields_) {
    if (!field.ordered) continue;
    const auto end = entries.begin() + static_cast<std::ptrdiff_t>(present);
    const bool has = std::any_of(
        entries.begin(), end, [&](const IndexEntry& entry) { return entry.field == field.number; });
    if (!has) entries.push_back({field.number, Absent()});
  }
}

std::string ResourceIndex::OfText(std::string_view text) {
  std::string value(1, kPresent);
  return value.append(text.substr(0, kTextBytesMax));
}

std::string ResourceIndex::OfNumber(double number) {
  std::string value(1, kPresent);
  if (number == 0) number = 0;  // the negative one is equal
  auto bits = std::bit_cast<uint64_t>(number);
  constexpr uint64_t kSign = uint64_t{1} << 63;
  bits = (bits & kSign) != 0 ? ~bits : bits | kSign;
  AppendBigEndian(bits, 8, value);
  return value;
}

std::string ResourceIndex::OfTime(const Instant& time) {
  std::string value(1, kPresent);
  AppendBigEndian(static_cast<uint64_t>(time.seconds) ^ (uint64_t{1} << 63), 8, value);
  AppendBigEndian(static_cast<uint32_t>(time.nanos), 4, value);
  return value;
}

int64_t ResourceIndex::Definition() const {
  Hasher hasher;
  hasher.Add(std::to_string(kForm)).Add(model_);
  for (const Field& field : fields_) {
    hasher.Add(field.path).Add(std::to_string(field.number));
    hasher.Add(std::to_string(static_cast<int>(field.kind)));
  }
  return static_cast<int64_t>(hasher.Finish().low);
}

}  // namespace tributary
