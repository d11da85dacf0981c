// Random damage to the bodies of proto/vectors: whatever the bytes, a delivery comes out that can
// be stored and served. A failure prints its seed; TRIBUTARY_SEED repeats it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/model/json_syntax.h"
#include "tests/model/decoding.h"

namespace tributary::testing {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Corpus() {
  std::vector<std::string> bodies;
  std::vector<fs::path> paths;
  for (const auto& entry :
       fs::recursive_directory_iterator(std::string(TRIBUTARY_SOURCE_DIR) + "/proto/vectors")) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  bodies.reserve(paths.size());
  for (const fs::path& path : paths) bodies.push_back(ReadFile(path.string()));
  return bodies;
}

uint64_t Seed() {
  const char* const given = std::getenv("TRIBUTARY_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

class Damage {
 public:
  explicit Damage(uint64_t seed) : random_(seed), corpus_(Corpus()) {}

  std::string Next() {
    std::string body = Pick(corpus_);
    for (size_t steps = Below(6); steps > 0 && !body.empty(); --steps) Step(body);
    return body;
  }

 private:
  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }
  const std::string& Pick(const std::vector<std::string>& from) { return from[Below(from.size())]; }

  // Some bytes of the body itself.
  std::string Fragment(const std::string& body) {
    const size_t at = Below(body.size());
    return body.substr(at, Below(80) + 1);
  }

  void Step(std::string& body) {
    static const std::vector<std::string> kTokens = {
        "null",
        "true",
        "1e400",
        "-1E+9999",
        "123456789012345678901234",
        "9007199254740993",
        "-0",
        "1.5",
        "\"\"",
        "\"\\ud83d\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]",
        "{\"id\":\"1\",\"fields\":{}}",
        "\"fields\":",
        "\"id\":",
        "\"event\":",
        ",",
        ":",
        "\"",
        "\\",
        "\xEF\xBB\xBF",
        "\xFF",
        "{\"model\":\"crmStage\",\"id\":\"s\",\"fields\":{\"pipeline\":"};
    const size_t at = Below(body.size());
    switch (Below(7)) {
      case 0:
        body[at] = static_cast<char>(Below(256));
        break;
      case 1:
        body.erase(at, Below(20) + 1);
        break;
      case 2:
        body.insert(at, Pick(kTokens));
        break;
      case 3:
        body.insert(at, Fragment(body));
        break;
      case 4:
        body.resize(at);
        break;
      case 5:
        ReplaceValue(body, Pick(kTokens));
        break;
      default:
        RepeatMember(body);
    }
  }

  // Puts `token` in the place of what follows a colon, up to the next comma or bracket: most of
  // these stay well-formed.
  void ReplaceValue(std::string& body, const std::string& token) {
    const size_t colon = body.find(':', Below(body.size()));
    if (colon == std::string::npos) return;
    const size_t end = body.find_first_of(",}]", colon);
    if (end == std::string::npos) return;
    body.replace(colon + 1, end - colon - 1, token);
  }

  // Sends a member once more.
  void RepeatMember(std::string& body) {
    const size_t begin = body.find(",\n", Below(body.size()));
    if (begin == std::string::npos) return;
    const size_t end = body.find(",\n", begin + 1);
    if (end == std::string::npos) return;
    body.insert(end, body.substr(begin, end - begin));
  }

  std::mt19937_64 random_;
  const std::vector<std::string> corpus_;
};

void ExpectServable(const Mutation& mutation) {
  EXPECT_TRUE(IsCleanUtf8(mutation.key.id));
  EXPECT_FALSE(mutation.key.id.empty());
  EXPECT_LE(mutation.key.id.size(), limits::kNameBytesMax);
  EXPECT_LE(mutation.state.size(), limits::kResourceBytesMax);
  EXPECT_LE(mutation.state.size() + mutation.raw.size(), limits::kResourceAndRawBytesMax);
  if (mutation.IsDelete()) {
    EXPECT_TRUE(mutation.state.empty() && mutation.raw.empty());
    return;
  }
  Mutation without_raw = mutation;
  without_raw.raw.clear();
  EXPECT_TRUE(Deterministic(*ParseResource(without_raw)) == mutation.state);
  ParseResource(mutation);
}

void ExpectConsistent(const DecodedWebhook& decoded, const std::string& body) {
  const Delivery& delivery = decoded.delivery;
  const bool judged = delivery.intake == Delivery::Intake::kJudge;
  EXPECT_EQ(judged, !delivery.mutations.empty());
  EXPECT_EQ(judged, decoded.faults.empty());
  EXPECT_TRUE(judged || !delivery.problem.empty());
  EXPECT_EQ(delivery.intake == Delivery::Intake::kReject,
            decoded.refusal != DecodedWebhook::Refusal::kNone);
  EXPECT_TRUE((delivery.body == body && delivery.body_if_superseded.empty()) ||
              (delivery.body_if_superseded == body && delivery.body.empty()));
  EXPECT_LE(delivery.mutations.size(), limits::kEmbeddedMax + 1);
  for (const Fault& fault : decoded.faults)
    EXPECT_TRUE(IsUtf8(fault.value) && IsUtf8(fault.pointer));
  for (const Mutation& mutation : delivery.mutations) ExpectServable(mutation);
}

// A second opinion on what is JSON, from code that shares nothing with the parser.
void ExpectNotJsonIfItIsNot(const DecodedWebhook& decoded, std::string_view body) {
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  EXPECT_EQ(decoded.refusal == DecodedWebhook::Refusal::kNotJson,
            FirstSyntaxError(body).has_value());
}

TEST(DamagedBodies, AlwaysGiveADeliveryThatCanBeStoredAndServed) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(::testing::Message() << "TRIBUTARY_SEED=" << seed);
  Damage damage(seed);
  size_t judged = 0;
  constexpr int kRounds = 100'000;
  for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
    const std::string body = damage.Next();
    SCOPED_TRACE(body);
    const DecoderOptions options{
        .validation = round % 5 == 0 ? Validation::kReject : Validation::kWarn,
        .keep_raw_resource = true};
    const DecodedWebhook decoded = Decode(body, options);
    ExpectConsistent(decoded, body);
    ExpectNotJsonIfItIsNot(decoded, body);
    // The same bytes mean the same, whatever nonce stood in for a number.
    EXPECT_EQ(decoded.delivery.content, Decode(body, options).delivery.content);
    judged += decoded.delivery.intake == Delivery::Intake::kJudge ? 1 : 0;
  }
  EXPECT_GT(judged, size_t{kRounds / 10}) << "the damage is so great that it tests little";
}

}  // namespace
}  // namespace tributary::testing
