// Every sample body goes in by curl and comes out of Get, List and Watch equal to what was sent,
// field by field, as the `tributary` command prints it in the source's own form.

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/resources.h"
#include "tests/e2e/daemon.h"
#include "tests/e2e/shell.h"
#include "tests/testing/temp_dir.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary {
namespace {

using nlohmann::json;
using testing::Daemon;
using ::testing::HasSubstr;
using testing::OutputOf;
using testing::TempDir;

const char kVectors[] = TRIBUTARY_SOURCE_DIR "/proto/vectors/";

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string Quoted(const std::string& word) {
  return "'" + std::regex_replace(word, std::regex("'"), "'\\''") + "'";
}

// The same value in one form: no nulls, no empty warnings, times with three decimals.
json Normal(const json& value) {
  if (value.is_object()) {
    json out = json::object();
    for (const auto& [key, member] : value.items()) {
      if (!member.is_null() && !(key == "warnings" && member.empty())) out[key] = Normal(member);
    }
    return out;
  }
  if (value.is_array()) {
    json out = json::array();
    for (const json& item : value) out.push_back(Normal(item));
    return out;
  }
  absl::Time time;
  if (value.is_string() && value.get<std::string>().find('T') != std::string::npos &&
      absl::ParseTime(absl::RFC3339_full, value.get<std::string>(), &time, nullptr)) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
  }
  return value;
}

class PayloadsTest : public ::testing::Test {
 protected:
  // Posts a body as the source would; the answer.
  json Curl(const std::string& path) {
    const std::string key = "key-" + std::to_string(++sent_);
    return json::parse(OutputOf(
        absl::StrCat("curl -sS http://127.0.0.1:", daemon_.http_port(),
                     "/webhooks -H 'Content-Type: application/json' -H 'x-conector-id: "
                     "hubspot' -H 'x-owner-id: acme' -H ",
                     Quoted("x-idempotency-key: " + key), " --data-binary @", Quoted(path))));
  }

  // Lines of the `tributary` command in the source's form.
  std::vector<json> Tributary(const std::string& words) {
    const std::string out = OutputOf(
        absl::StrCat(TRIBUTARY_BINARY_DIR, "/bin/tributary ", words,
                     " --connector=hubspot --owner=acme --output=source --address=127.0.0.1:",
                     daemon_.grpc_port()));
    std::vector<json> values;
    // `get` prints one value over several lines, the others one value a line.
    if (words.rfind("get ", 0) == 0) return {json::parse(out)};
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) values.push_back(json::parse(line));
    return values;
  }

  TempDir dir_;
  Daemon daemon_{dir_.path()};
  int sent_ = 0;
};

TEST_F(PayloadsTest, GoInByCurlAndComeOutEqualFromGetListAndWatch) {
  size_t models = 0;
  size_t sent_by_source = 0;
  for (const google::protobuf::Descriptor* resource : ResourceDescriptors()) {
    if (resource->options().GetExtension(v1::resource).defines_custom_fields()) continue;
    ++sent_by_source;
    const std::string model = resource->options().GetExtension(v1::resource).model();
    for (const char* name : {"created", "updated"}) {
      const std::string path = absl::StrCat(kVectors, model, "/", name, ".json");
      if (!std::filesystem::exists(path)) continue;
      const json body = json::parse(ReadFile(path));
      const json sent = Normal(body["data"]);
      const std::string id = body["data"]["id"];
      const json answer = Curl(path);
      const bool cards = answer.contains("cards");
      if (!cards) {
        EXPECT_EQ(answer["verdict"], "APPLIED") << answer;
      }

      const auto got = Tributary(absl::StrCat("get ", model, " ", Quoted(id)));
      EXPECT_EQ(Normal(got.at(0)), sent) << path << ": Get";
      const auto listed = Tributary(absl::StrCat("list ", model));
      ASSERT_EQ(listed.size(), 1u) << path;
      EXPECT_EQ(Normal(listed[0]), sent) << path << ": List";
      const auto watched =
          Tributary(absl::StrCat("watch ", model, " --from=beginning --stop_at_head"));
      ASSERT_FALSE(watched.empty()) << path;
      EXPECT_EQ(Normal(watched.back()["data"]), sent) << path << ": Watch";
      EXPECT_EQ(watched.back()["event"], model + "::" + name);
      if (std::string(name) == "created") ++models;
    }
  }
  EXPECT_EQ(models, sent_by_source) << "every model has a sample";
}

TEST_F(PayloadsTest, TheSampleOfTheDocumentationIsStoredWithWarnings) {
  const std::string path = absl::StrCat(kVectors, "crmOpportunity/documentation-sample.json");
  ASSERT_THAT(ReadFile(path), HasSubstr(R"("amount": "<number>")"));
  const json answer = Curl(path);
  EXPECT_EQ(answer["verdict"], "APPLIED");
  EXPECT_THAT(answer["warnings"].dump(), HasSubstr("<number>"));
  const auto got = Tributary("get opportunity '<string>'");
  EXPECT_EQ(got.at(0)["fields"]["name"], "<string>");
  EXPECT_FALSE(got.at(0)["fields"].contains("amount"));
}

}  // namespace
}  // namespace tributary
