#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/model/decoding.h"

// Random damage to the bodies of proto/vectors. A failure prints its seed; TRIBUTARY_SEED repeats
// it.
namespace tributary::testing {

inline std::vector<std::string> Corpus() {
  std::vector<std::string> bodies;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           std::string(TRIBUTARY_SOURCE_DIR) + "/proto/vectors")) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  bodies.reserve(paths.size());
  for (const std::filesystem::path& path : paths) bodies.push_back(ReadFile(path.string()));
  return bodies;
}

inline uint64_t Seed() {
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

}  // namespace tributary::testing
