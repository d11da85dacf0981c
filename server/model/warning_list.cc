#include "server/model/warning_list.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/base/wire.h"

namespace tributary {
namespace {

constexpr std::string_view kCode = "CONNECTOR::MAPPER::READ_VALIDATION_FAILED";

// Bounds of a text in a warning: of a whole line or a path, and of anything shorter.
constexpr size_t kLineBytesMax = 1024;
constexpr size_t kTextBytesMax = 256;

// Field numbers and values of tributary.v1.Warning.
constexpr uint32_t kWarnings = 8;
constexpr uint32_t kCodeField = 1;
constexpr uint32_t kMessageField = 2;
constexpr uint32_t kFieldField = 3;
constexpr uint32_t kValueField = 4;
constexpr uint32_t kOriginField = 5;
constexpr uint64_t kOriginSource = 1;
constexpr uint64_t kOriginTributary = 2;
constexpr std::string_view kOursInJson = "ORIGIN_TRIBUTARY";

void AppendText(std::string& out, uint32_t field, std::string_view text) {
  if (!text.empty()) wire::AppendBytes(out, field, text);
}

void AppendWarning(std::string& out, std::string_view code, std::string_view message,
                   std::string_view field, std::string_view value, uint64_t origin) {
  std::string warning;
  AppendText(warning, kCodeField, code);
  AppendText(warning, kMessageField, message);
  AppendText(warning, kFieldField, field);
  AppendText(warning, kValueField, value);
  wire::AppendUint(warning, kOriginField, origin);
  wire::AppendBytes(out, kWarnings, warning);
}

std::string TextOf(const JsonValue& object, std::string_view key, size_t max_bytes) {
  const std::optional<JsonValue> value = object.Find(key);
  if (!value.has_value() || value->IsNull()) return {};
  const bool is_string = value->kind() == JsonValue::Kind::kString;
  const std::string text = is_string ? std::string(value->AsString()) : value->Text(max_bytes);
  return std::string(CutUtf8(text, max_bytes));
}

}  // namespace

void WarningList::TakeSent(const JsonValue& list, const Place& place) {
  if (list.IsNull()) return;
  if (list.kind() != JsonValue::Kind::kArray) {
    Add(place, "must be a list; left out", list);
    return;
  }
  size_t index = 0;
  list.ForEachItem([&](const JsonValue& item) {
    const Place item_place = place.Item(index++);
    if (item.IsNull()) return;
    if (!item.IsObject()) {
      Add(item_place, "must be an object; left out", item);
      return;
    }
    ++sent_count_;
    if (sent_.size() >= limits::kWarningsMax) return;
    const bool ours = TextOf(item, "origin", kTextBytesMax) == kOursInJson;
    read_before_ = read_before_ || ours;
    sent_.push_back({TextOf(item, "code", kTextBytesMax), TextOf(item, "message", kLineBytesMax),
                     TextOf(item, "field", ours ? kLineBytesMax : kTextBytesMax),
                     TextOf(item, "value", kTextBytesMax), ours});
  });
}

void WarningList::Add(const Place& place, std::string_view rule, const JsonValue& value) {
  if (ours_ >= limits::kWarningsMax) {
    ++ours_;
    return;
  }
  Add(place, rule, value.Text(limits::kWarningValueBytesMax));
}

void WarningList::Add(const Place& place, std::string_view rule, std::string_view text) {
  ++ours_;
  if (faults_.size() >= limits::kWarningsMax) return;
  Fault fault;
  fault.pointer = std::string(CutUtf8(place.Pointer(), kLineBytesMax));
  fault.path = std::string(CutUtf8(place.Path(), kLineBytesMax));
  fault.code = std::string(kCode);
  fault.detail = std::string(rule);
  fault.value = std::string(CutUtf8(text, limits::kWarningValueBytesMax));
  faults_.push_back(std::move(fault));
}

void WarningList::AddTolerated(const Place& place, std::string_view rule, const JsonValue& value) {
  const size_t before = faults_.size();
  Add(place, rule, value);
  ++tolerated_;
  if (faults_.size() > before) faults_.back().tolerated = true;
}

std::string WarningList::Encode() const {
  const size_t found = read_before_ ? 0 : ours_;
  const size_t all = sent_count_ + found;
  const size_t kept = all <= limits::kWarningsMax ? all : limits::kWarningsMax - 1;
  // Ours are the only trace of what was left out, so they come before those that were sent where
  // there is no room for all.
  const size_t of_ours = std::min({faults_.size(), found, kept});
  const size_t of_sent = std::min(sent_.size(), kept - of_ours);
  std::string out;
  for (size_t i = 0; i < of_sent; ++i) {
    const Sent& sent = sent_[i];
    AppendWarning(out, sent.code, sent.message, sent.field, sent.value,
                  sent.ours ? kOriginTributary : kOriginSource);
  }
  for (size_t i = 0; i < of_ours; ++i) {
    const Fault& fault = faults_[i];
    AppendWarning(out, fault.code, fault.detail, fault.path, fault.value, kOriginTributary);
  }
  if (all > kept) {
    AppendWarning(out, kCode, absl::StrCat("and ", all - of_ours - of_sent, " more warnings"), {},
                  {}, kOriginTributary);
  }
  return out;
}

}  // namespace tributary
