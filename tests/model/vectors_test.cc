// Every file of proto/vectors: a body, and beside it what becomes of it.
//
//   <case>.json                  the whole body of a webhook
//   <case>.textproto             the delivery's own resource, as served with VIEW_FULL but for its
//   revision <case>.embedded-<n>.textproto  the n-th embedded resource, from 1, in the order they
//   are applied <case>.refused.txt           or why it is refused, a line for each fault
//   <case>.parked.txt            or why it is parked
//
// The connector is "hubspot", the owner "acme", and each arrives at 2025-07-01T00:00:00Z. With
// TRIBUTARY_UPDATE_VECTORS=1 the test writes what it finds: read it before you commit it.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/model/decoding.h"

namespace tributary::testing {
namespace {

namespace fs = std::filesystem;
using Refusal = DecodedWebhook::Refusal;

const std::string kFolder = std::string(TRIBUTARY_SOURCE_DIR) + "/proto/vectors";

bool Updating() { return std::getenv("TRIBUTARY_UPDATE_VECTORS") != nullptr; }

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kFolder)) {
    if (entry.path().extension() != ".json") continue;
    cases.push_back(fs::relative(entry.path(), kFolder).replace_extension().string());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

std::string RankName(Rank rank) {
  switch (rank) {
    case Rank::kEmbedded:
      return "embedded";
    case Rank::kCreated:
      return "created";
    case Rank::kUpdated:
      return "updated";
    case Rank::kDeleted:
      return "deleted";
  }
  return "?";
}

// The lines before the message: what decides whether it is applied.
std::string Heading(const Mutation& mutation) {
  const google::protobuf::Descriptor* type = Registry().Find(mutation.key.model)->message();
  const std::string time =
      mutation.time_us.has_value()
          ? absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(*mutation.time_us),
                             absl::UTCTimeZone())
          : "the time of receipt";
  return absl::StrCat("# proto-file: proto/", type->file()->name(),
                      "\n# proto-message: ", type->full_name(), "\n# ", RankName(mutation.rank),
                      ", ordered by ", time, "\n");
}

std::string ResourceText(const Mutation& mutation) {
  const std::unique_ptr<google::protobuf::Message> message = ParseResource(mutation);
  if (mutation.IsDelete()) {
    // A delete has no state: the key is all that there is to show.
    std::string key;
    wire::AppendBytes(key, 1, mutation.key.connector_id);
    wire::AppendBytes(key, 2, mutation.key.owner_id);
    wire::AppendBytes(key, 3, mutation.key.id);
    EXPECT_TRUE(message->ParseFromString(key));
  }
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  EXPECT_TRUE(printer.PrintToString(*message, &text));
  return absl::StrCat(Heading(mutation), text);
}

std::string RefusalName(const DecodedWebhook& decoded) {
  switch (decoded.refusal) {
    case Refusal::kNone:
      return "parked";
    case Refusal::kNotJson:
      return "not JSON";
    case Refusal::kEnvelope:
      return "envelope";
    case Refusal::kContent:
      return "content";
    case Refusal::kTooLarge:
      return "too large";
  }
  return "?";
}

std::string FaultText(const DecodedWebhook& decoded) {
  std::string text = absl::StrCat(RefusalName(decoded), "\n");
  for (const Fault& fault : decoded.faults) {
    absl::StrAppend(&text, fault.pointer.empty() ? "(the body)" : fault.pointer, ": ",
                    fault.detail);
    if (!fault.value.empty()) absl::StrAppend(&text, " | ", fault.value);
    text += '\n';
  }
  return text;
}

// The files that belong beside a body, by their endings.
std::map<std::string, std::string> Results(const DecodedWebhook& decoded) {
  std::map<std::string, std::string> files;
  const Delivery& delivery = decoded.delivery;
  if (delivery.intake == Delivery::Intake::kReject) files[".refused.txt"] = FaultText(decoded);
  if (delivery.intake == Delivery::Intake::kPark) files[".parked.txt"] = FaultText(decoded);
  for (size_t i = 0; i < delivery.mutations.size(); ++i) {
    const bool own = i + 1 == delivery.mutations.size();
    const std::string ending = own ? ".textproto" : absl::StrCat(".embedded-", i + 1, ".textproto");
    files[ending] = ResourceText(delivery.mutations[i]);
  }
  return files;
}

std::vector<std::string> FilesBeside(const std::string& name) {
  std::vector<std::string> endings;
  const fs::path path = fs::path(kFolder) / name;
  const std::string stem = path.filename().string() + ".";
  for (const fs::directory_entry& entry : fs::directory_iterator(path.parent_path())) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with(stem) && !file.ends_with(".json")) {
      endings.push_back(file.substr(stem.size() - 1));
    }
  }
  return endings;
}

std::string Comments(const std::string& text) {
  std::istringstream lines(text);
  std::string comments;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) absl::StrAppend(&comments, line, "\n");
  }
  return comments;
}

// Compared as messages, so that the expectation may be written by hand in any layout.
void ExpectEqual(const std::string& expected, const std::string& actual, const std::string& model) {
  EXPECT_EQ(Comments(expected), Comments(actual));
  const auto parse = [&](const std::string& text) {
    std::unique_ptr<google::protobuf::Message> message(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(Registry().Find(model)->message())
            ->New());
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, message.get()));
    return Deterministic(*message);
  };
  EXPECT_TRUE(parse(expected) == parse(actual)) << "expected:\n" << expected << "\nis:\n" << actual;
}

class Vectors : public ::testing::TestWithParam<std::string> {};

TEST_P(Vectors, BecomeWhatStandsBesideThem) {
  const std::string path = absl::StrCat(kFolder, "/", GetParam());
  const DecodedWebhook decoded = Decode(ReadFile(path + ".json"));
  const std::map<std::string, std::string> results = Results(decoded);
  if (Updating()) {
    for (const std::string& ending : FilesBeside(GetParam())) fs::remove(path + ending);
    for (const auto& [ending, text] : results)
      std::ofstream(path + ending, std::ios::binary) << text;
    return;
  }
  std::set<std::string> endings;
  for (const auto& [ending, text] : results) endings.insert(ending);
  const std::vector<std::string> beside = FilesBeside(GetParam());
  ASSERT_EQ(endings, std::set<std::string>(beside.begin(), beside.end()));
  size_t index = 0;
  for (const auto& [ending, text] : results) {
    if (ending.ends_with(".txt")) {
      EXPECT_EQ(ReadFile(path + ending), text);
      continue;
    }
    const std::vector<Mutation>& mutations = decoded.delivery.mutations;
    index = ending == ".textproto" ? mutations.size() - 1 : std::stoul(ending.substr(10)) - 1;
    ExpectEqual(ReadFile(path + ending), text, mutations[index].key.model);
  }
}

TEST_P(Vectors, AreEncodedInTheOneCanonicalForm) {
  const DecodedWebhook decoded = Decode(ReadFile(absl::StrCat(kFolder, "/", GetParam(), ".json")));
  for (Mutation mutation : decoded.delivery.mutations) {
    google::protobuf::MessageFactory* factory =
        google::protobuf::MessageFactory::generated_factory();
    const std::string raw = std::exchange(mutation.raw, {});
    EXPECT_TRUE(Deterministic(*ParseResource(mutation)) == mutation.state);
    std::unique_ptr<google::protobuf::Message> value(
        factory
            ->GetPrototype(
                google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
                    "google.protobuf.Value"))
            ->New());
    ASSERT_TRUE(value->ParseFromString(raw));
    EXPECT_TRUE(Deterministic(*value) == raw);
  }
}

std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); },
      '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Vectors, ::testing::ValuesIn(Cases()), TestName);

TEST(VectorFolder, HoldsACaseOfEveryModel) {
  for (const std::unique_ptr<const Model>& model : Registry().models()) {
    if (model->defines_custom_fields()) continue;  // the source sends none
    EXPECT_TRUE(fs::exists(fs::path(kFolder) / model->name())) << "no vectors of " << model->name();
  }
}

TEST(VectorFolder, HoldsNoExpectationWithoutABody) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kFolder)) {
    if (!entry.is_regular_file() || entry.path().filename() == "README.md") continue;
    const std::string name = entry.path().filename().string();
    const fs::path body = entry.path().parent_path() / (name.substr(0, name.find('.')) + ".json");
    EXPECT_TRUE(fs::exists(body)) << entry.path() << " belongs to no body";
  }
}

}  // namespace
}  // namespace tributary::testing
