#include "server/serve/card_json.h"

#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/base/limits.h"
#include "tests/testing/status_matchers.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using widget::v1::AnswerCardViewRequest;

AnswerCardViewRequest Answer(const std::string& text) {
  AnswerCardViewRequest answer;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &answer)) << text;
  return answer;
}

TEST(CardJson, IsWhatTheSourceWants) {
  EXPECT_THAT(
      CardsJson(Answer(R"pb(
        cards {
          title: "Telemetry usage"
          contents { text { label: "Active vehicles" value: "412" link: "https://a/412" } }
          contents { text { label: "Plan" value: "Growth" } }
          contents { status { label: "Health" value: "On track" status: STATUS_SUCCESS } }
          actions { type: TYPE_OPEN_URL_IN_IFRAME label: "Open dashboard" url: "https://a/embed" }
          actions { type: TYPE_OPEN_URL label: "Docs" url: "https://docs" }
          link: "https://a"
        }
        root {
          title: "Lumenforge"
          provider_name: "Lumenforge Inc"
          provider_logo_url: "https://cdn/logo.png"
          actions { type: TYPE_OPEN_URL label: "Settings" url: "https://a/settings" }
        })pb")),
      IsOkAndHolds(
          R"({"cards":[{"title":"Telemetry usage","contents":[)"
          R"({"type":"text","label":"Active vehicles","value":"412","link":"https://a/412"},)"
          R"({"type":"text","label":"Plan","value":"Growth"},)"
          R"({"type":"status","label":"Health","value":"On track","status":"success"}],)"
          R"("actions":[)"
          R"({"type":"openUrlInIframe","label":"Open dashboard","url":"https://a/embed"},)"
          R"({"type":"openUrl","label":"Docs","url":"https://docs"}],)"
          R"("link":"https://a"}],)"
          R"("root":{"title":"Lumenforge","providerName":"Lumenforge Inc",)"
          R"("providerLogoUrl":"https://cdn/logo.png",)"
          R"("actions":[{"type":"openUrl","label":"Settings","url":"https://a/settings"}]}})"));
}

TEST(CardJson, LeavesOutWhatIsAbsentAndKeepsWhatIsNeeded) {
  EXPECT_THAT(CardsJson({}), IsOkAndHolds(R"({"cards":[]})"));
  EXPECT_THAT(CardsJson(Answer(R"pb(cards { title: "T" }
                                    root {})pb")),
              IsOkAndHolds(R"({"cards":[{"title":"T","contents":[]}],"root":{}})"));
  EXPECT_THAT(
      CardsJson(Answer(R"pb(cards {
                              title: "T"
                              contents { text { label: "L" link: "" } }
                              link: ""
                            })pb")),
      IsOkAndHolds(
          R"({"cards":[{"title":"T","contents":[{"type":"text","label":"L","value":"","link":""}],)"
          R"("link":""}]})"));
}

TEST(CardJson, KnowsEveryStatus) {
  for (const std::string name : {"default", "success", "warning", "danger", "info"}) {
    std::string value = name;
    for (char& c : value) c = static_cast<char>(std::toupper(c));
    const auto text = CardsJson(Answer(
        "cards { title: 'T' contents { status { label: 'L' status: STATUS_" + value + " } } }"));
    TRIBUTARY_ASSERT_OK(text);
    EXPECT_THAT(*text, HasSubstr("\"status\":\"" + name + "\""));
  }
}

TEST(CardJson, EscapesWhatJsonHasToEscape) {
  const auto text = CardsJson(Answer(R"pb(cards { title: "\"\\\n\001\342\202\254" })pb"));
  TRIBUTARY_ASSERT_OK(text);
  EXPECT_EQ(nlohmann::json::parse(*text)["cards"][0]["title"], "\"\\\n\001\xE2\x82\xAC");
}

TEST(CardJson, NamesWhatIsMissing) {
  const struct {
    const char* answer;
    const char* field;
  } kCases[] = {
      {"cards {}", "cards[0].title"},
      {"cards { title: 'T' } cards { title: 'U' contents {} }", "cards[1].contents[0]"},
      {"cards { title: 'T' contents { text {} } }", "cards[0].contents[0].text.label"},
      {"cards { title: 'T' contents { status { status: STATUS_INFO } } }",
       "cards[0].contents[0].status.label"},
      {"cards { title: 'T' contents { status { label: 'L' } } }",
       "cards[0].contents[0].status.status"},
      {"cards { title: 'T' contents { status { label: 'L' status: 77 } } }",
       "cards[0].contents[0].status.status"},
      {"cards { title: 'T' actions { label: 'L' url: 'U' } }", "cards[0].actions[0].type"},
      {"cards { title: 'T' actions { type: TYPE_OPEN_URL url: 'U' } }",
       "cards[0].actions[0].label"},
      {"root { actions { type: TYPE_OPEN_URL label: 'L' } }", "root.actions[0].url"},
  };
  for (const auto& [answer, field] : kCases) {
    const absl::Status status = CardsJson(Answer(answer)).status();
    EXPECT_THAT(status,
                AllOf(StatusIs(absl::StatusCode::kInvalidArgument), HasReason("ARGUMENT_INVALID")));
    ASSERT_EQ(DetailOf(status).violations.size(), 1u) << answer;
    EXPECT_EQ(DetailOf(status).violations[0].field, field);
  }
}

TEST(CardJson, TakesWhatFitsAndNoByteMore) {
  const size_t frame = std::string(R"({"cards":[{"title":"","contents":[]}]})").size();
  AnswerCardViewRequest answer;
  answer.add_cards()->set_title(std::string(limits::kCardsBytesMax - frame, 'x'));
  TRIBUTARY_EXPECT_OK(CardsJson(answer));
  answer.mutable_cards(0)->mutable_title()->push_back('x');
  EXPECT_THAT(CardsJson(answer), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("262145")));
}

}  // namespace
}  // namespace tributary::testing
