#include "server/model/place.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

std::string EscapedForPointer(std::string_view key) {
  std::string out;
  out.reserve(key.size());
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

bool IsWordCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
}

}  // namespace

std::string QuotedKey(std::string_view key) {
  if (!key.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(key[0])) &&
      std::all_of(key.begin(), key.end(), IsWordCharacter)) {
    return std::string(key);
  }
  std::string out = "`";
  for (const char c : key) {
    if (c == '`') out += '`';
    out += c;
  }
  out += '`';
  return out;
}

std::string Place::Pointer() const {
  std::string out = parent_ == nullptr ? std::string() : parent_->Pointer();
  switch (step_) {
    case Step::kResource:
      if (!key_.empty()) absl::StrAppend(&out, "/", EscapedForPointer(key_));
      break;
    case Step::kNamed:
    case Step::kEntry:
    case Step::kCustom:
      absl::StrAppend(&out, "/", EscapedForPointer(key_));
      break;
    case Step::kItem:
      absl::StrAppend(&out, "/", index_);
      break;
  }
  return out;
}

std::string Place::Path() const {
  if (step_ == Step::kResource) return {};
  if (step_ == Step::kCustom) return absl::StrCat("custom_fields.", QuotedKey(key_));
  std::string out = parent_ == nullptr ? std::string() : parent_->Path();
  if (step_ == Step::kItem) {
    absl::StrAppend(&out, "[", index_, "]");
    return out;
  }
  if (!out.empty()) out += '.';
  out += step_ == Step::kEntry ? QuotedKey(key_) : std::string(name_);
  return out;
}

}  // namespace tributary
