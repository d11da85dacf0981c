#include "server/serve/card_json.h"

#include <cctype>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/generated_enum_reflection.h"
#include "nlohmann/json.hpp"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace tributary {
namespace {

using Json = nlohmann::ordered_json;
using widget::v1::Card;
using widget::v1::CardAction;
using widget::v1::CardContent;
using widget::v1::CardRoot;
using Actions = google::protobuf::RepeatedPtrField<CardAction>;

absl::Status Needed(const std::string& field, const std::string& value) {
  return value.empty() ? InvalidField(field, "must be set") : absl::OkStatus();
}

// TYPE_OPEN_URL_IN_IFRAME -> "openUrlInIframe"
template <typename Enum>
absl::StatusOr<std::string> EnumText(const std::string& field, Enum number) {
  const auto& type = *google::protobuf::GetEnumDescriptor<Enum>();
  const auto* value = type.FindValueByNumber(number);
  if (number == 0 || value == nullptr) {
    return InvalidField(field, absl::StrCat("must be one of ", type.full_name(), ", not ",
                                            static_cast<int>(number)));
  }
  std::string text;
  bool capital = false;
  for (const char c : value->name().substr(type.name().size() + 1)) {
    if (c != '_') text += capital ? c : absl::ascii_tolower(static_cast<unsigned char>(c));
    capital = c == '_';
  }
  return text;
}

absl::StatusOr<Json> ActionsJson(const std::string& field, const Actions& actions) {
  Json json = Json::array();
  for (int i = 0; i < actions.size(); ++i) {
    const std::string at = absl::StrCat(field, "[", i, "]");
    TRIBUTARY_ASSIGN_OR_RETURN(const std::string type, EnumText(at + ".type", actions[i].type()));
    TRIBUTARY_RETURN_IF_ERROR(Needed(at + ".label", actions[i].label()));
    TRIBUTARY_RETURN_IF_ERROR(Needed(at + ".url", actions[i].url()));
    json.push_back({{"type", type}, {"label", actions[i].label()}, {"url", actions[i].url()}});
  }
  return json;
}

absl::StatusOr<Json> ContentJson(const std::string& field, const CardContent& content) {
  Json json = Json::object();
  const auto put = [&json](const char* type, const auto& row) {
    json["type"] = type;
    json["label"] = row.label();
    json["value"] = row.value();
  };
  if (content.has_text()) {
    TRIBUTARY_RETURN_IF_ERROR(Needed(field + ".text.label", content.text().label()));
    put("text", content.text());
    if (content.text().has_link()) json["link"] = content.text().link();
  } else if (content.has_status()) {
    TRIBUTARY_RETURN_IF_ERROR(Needed(field + ".status.label", content.status().label()));
    put("status", content.status());
    TRIBUTARY_ASSIGN_OR_RETURN(json["status"],
                               EnumText(field + ".status.status", content.status().status()));
  } else {
    return InvalidField(field, "must be text or status");
  }
  return json;
}

absl::StatusOr<Json> CardJson(const std::string& field, const Card& card) {
  TRIBUTARY_RETURN_IF_ERROR(Needed(field + ".title", card.title()));
  Json json = {{"title", card.title()}, {"contents", Json::array()}};
  for (int i = 0; i < card.contents_size(); ++i) {
    TRIBUTARY_ASSIGN_OR_RETURN(
        Json content, ContentJson(absl::StrCat(field, ".contents[", i, "]"), card.contents(i)));
    json["contents"].push_back(std::move(content));
  }
  if (card.actions_size() > 0) {
    TRIBUTARY_ASSIGN_OR_RETURN(json["actions"], ActionsJson(field + ".actions", card.actions()));
  }
  if (card.has_link()) json["link"] = card.link();
  return json;
}

absl::StatusOr<Json> RootJson(const CardRoot& root) {
  Json json = Json::object();
  if (root.has_title()) json["title"] = root.title();
  if (root.has_provider_name()) json["providerName"] = root.provider_name();
  if (root.has_provider_logo_url()) json["providerLogoUrl"] = root.provider_logo_url();
  if (root.actions_size() > 0) {
    TRIBUTARY_ASSIGN_OR_RETURN(json["actions"], ActionsJson("root.actions", root.actions()));
  }
  return json;
}

}  // namespace

absl::StatusOr<std::string> CardsJson(const widget::v1::AnswerCardViewRequest& answer) {
  Json json = {{"cards", Json::array()}};
  for (int i = 0; i < answer.cards_size(); ++i) {
    TRIBUTARY_ASSIGN_OR_RETURN(Json card,
                               CardJson(absl::StrCat("cards[", i, "]"), answer.cards(i)));
    json["cards"].push_back(std::move(card));
  }
  if (answer.has_root()) {
    TRIBUTARY_ASSIGN_OR_RETURN(json["root"], RootJson(answer.root()));
  }
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > limits::kCardsBytesMax) {
    return InvalidField("cards",
                        absl::StrCat("must take at most ", limits::kCardsBytesMax,
                                     " bytes as JSON together with root, not ", text.size()));
  }
  return text;
}

}  // namespace tributary
