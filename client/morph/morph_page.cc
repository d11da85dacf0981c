#include "client/morph/morph_page.h"

#include <simdjson.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace tributary {
inline namespace client {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kProblemBytesMax = 64 << 10;

std::string Trimmed(std::string_view text) {
  return std::string(absl::StripAsciiWhitespace({text.data(), text.size()}));
}

// Of a string its text, of a number its digits, else nothing.
std::string NameIn(ondemand::value value) {
  ondemand::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return "";
  if (type == ondemand::json_type::number) return Trimmed(value.raw_json_token());
  std::string_view text;
  if (type != ondemand::json_type::string || value.get_string().get(text) != simdjson::SUCCESS) {
    return "";
  }
  return std::string(text);
}

simdjson::error_code ReadItem(ondemand::value value, MorphItem& item) {
  ondemand::object object;
  if (const simdjson::error_code code = value.get_object().get(object)) return code;
  std::string_view json;
  if (const simdjson::error_code code = object.raw_json().get(json)) return code;
  item.json = Trimmed(json);
  if (const simdjson::error_code code = object.reset().error()) return code;
  auto id = object.find_field_unordered("id");
  if (id.error() == simdjson::SUCCESS) item.id = NameIn(id.value_unsafe());
  return simdjson::SUCCESS;
}

simdjson::error_code ReadItems(ondemand::value list, std::vector<MorphItem>& items) {
  ondemand::array array;
  if (const simdjson::error_code code = list.get_array().get(array)) return code;
  for (auto element : array) {
    if (element.error() != simdjson::SUCCESS) return element.error();
    ondemand::value value = element.value_unsafe();
    ondemand::json_type type;
    if (const simdjson::error_code code = value.type().get(type)) return code;
    if (type == ondemand::json_type::null) continue;
    if (const simdjson::error_code code = ReadItem(value, items.emplace_back())) return code;
  }
  return simdjson::SUCCESS;
}

simdjson::error_code ReadPage(ondemand::document& document, MorphPage& page) {
  ondemand::object members;
  if (const simdjson::error_code code = document.get_object().get(members)) return code;
  bool has_items = false;
  for (auto member : members) {
    if (member.error() != simdjson::SUCCESS) return member.error();
    ondemand::field field = member.value_unsafe();
    std::string_view key;
    if (const simdjson::error_code code = field.unescaped_key().get(key)) return code;
    if (key == "data") {
      has_items = true;
      if (const simdjson::error_code code = ReadItems(field.value(), page.items)) return code;
    } else if (key == "next") {
      page.next = NameIn(field.value());
    }
  }
  return has_items ? simdjson::SUCCESS : simdjson::NO_SUCH_FIELD;
}

std::string TextOf(const google::protobuf::Struct& object, const std::string& key) {
  const auto found = object.fields().find(key);
  return found == object.fields().end() ? "" : found->second.string_value();
}

}  // namespace

absl::StatusOr<MorphPage> ParseMorphPage(std::string body) {
  if (body.starts_with(kByteOrderMark)) body.erase(0, kByteOrderMark.size());
  const size_t size = body.size();
  body.resize(size + simdjson::SIMDJSON_PADDING);
  ondemand::parser parser;
  ondemand::document document;
  MorphPage page;
  simdjson::error_code code = parser.iterate(body.data(), size, body.size()).get(document);
  if (code == simdjson::SUCCESS) code = ReadPage(document, page);
  if (code == simdjson::SUCCESS) return page;
  return absl::DataLossError(absl::StrCat("not a page of a list: ", simdjson::error_message(code)));
}

MorphProblem ParseMorphProblem(std::string_view body) {
  google::protobuf::Struct answer;
  if (body.size() > kProblemBytesMax ||
      !google::protobuf::util::JsonStringToMessage({body.data(), body.size()}, &answer).ok()) {
    return {};
  }
  const auto nested = answer.fields().find("error");
  if (nested != answer.fields().end() && nested->second.has_struct_value()) {
    const google::protobuf::Struct& error = nested->second.struct_value();
    return {TextOf(error, "code"), TextOf(error, "message")};
  }
  return {TextOf(answer, "error"), TextOf(answer, "message")};
}

}  // namespace client
}  // namespace tributary
