// The rules of the house, as tests: who may include whom, how long a file may be, which names are
// out.

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace tributary {
namespace {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;  // from the root of the project
  std::vector<std::string> lines;
};

std::vector<SourceFile> Sources(const std::set<std::string>& folders) {
  const fs::path root = TRIBUTARY_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      SourceFile file{fs::relative(entry.path(), root), {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) file.lines.push_back(line);
      files.push_back(std::move(file));
    }
  }
  EXPECT_FALSE(files.empty());
  return files;
}

// "server/store" of "server/store/sqlite/reader.h"; "server" of "server/main.cc".
std::string Layer(const std::string& path) {
  const size_t first = path.find('/');
  const size_t second = path.find('/', first + 1);
  return second == std::string::npos ? path.substr(0, first) : path.substr(0, second);
}

std::vector<std::string> Includes(const SourceFile& file) {
  static const std::regex kInclude("#include [<\"]([^>\"]+)[>\"].*");
  std::vector<std::string> includes;
  for (const std::string& line : file.lines) {
    std::smatch match;
    if (std::regex_match(line, match, kInclude)) includes.push_back(match[1]);
  }
  return includes;
}

bool StartsWithAny(const std::string& text, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (text.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

TEST(Tidy, NothingLowerKnowsAnythingHigher) {
  const std::map<std::string, std::set<std::string>> allowed = {
      {"server/base", {"server/base"}},
      {"server/store", {"server/base", "server/store"}},
      {"server/model", {"server/base", "server/store", "server/model"}},
      {"server/fields", {"server/base", "server/store", "server/model", "server/fields"}},
      {"server/filter", {"server/base", "server/store", "server/model", "server/filter"}},
      {"server/watch", {"server/base", "server/store", "server/filter", "server/watch"}},
      {"server/cards", {"server/base", "server/cards"}},
      {"server/ingest",
       {"server/base", "server/cards", "server/store", "server/model", "server/ingest"}},
      {"server/serve",
       {"server/base", "server/cards", "server/store", "server/model", "server/fields",
        "server/filter", "server/watch", "server/serve"}},
  };
  for (const SourceFile& file : Sources({"server"})) {
    const auto layer = allowed.find(Layer(file.path));
    if (layer == allowed.end()) continue;  // server.cc, main.cc, flags.cc see everything
    for (const std::string& include : Includes(file)) {
      if (include.rfind("server/", 0) != 0) continue;
      EXPECT_TRUE(layer->second.contains(Layer(include))) << file.path << " includes " << include;
    }
  }
}

TEST(Tidy, EachLibraryIsKnownOnlyWhereItBelongs) {
  const std::map<std::string, std::vector<std::string>> only = {
      {"sqlite3.h", {"server/store/sqlite"}},
      {"SQLiteCpp/", {"server/store/sqlite"}},
      {"simdjson", {"server/model", "client/morph"}},
      {"curl/", {"client/morph"}},
      {"boost/", {"server/ingest", "client/command"}},
      {"nlohmann/", {"server/ingest", "server/serve/card_json", "client"}},
      {"google/protobuf/",
       {"server/model", "server/fields", "server/filter", "server/serve", "client", "proto"}},
      {"tributary/",
       {"server/model", "server/fields", "server/filter", "server/serve", "client", "proto"}},
      {"grpc", {"server/serve", "client"}},
  };
  for (const SourceFile& file : Sources({"server", "client", "proto"})) {
    for (const std::string& include : Includes(file)) {
      for (const auto& [library, folders] : only) {
        if (include.rfind(library, 0) != 0) continue;
        EXPECT_TRUE(StartsWithAny(file.path, folders)) << file.path << " includes " << include;
      }
    }
  }
}

TEST(Tidy, TheClientKnowsNothingOfTheServer) {
  for (const SourceFile& file : Sources({"client"})) {
    for (const std::string& include : Includes(file)) {
      EXPECT_NE(include.rfind("server/", 0), 0u) << file.path << " includes " << include;
    }
  }
}

TEST(Tidy, NoModelIsNamedInCode) {
  const std::regex kModel(
      "\\b(generic(Contact|Company|User|Workspace)|crm(Opportunity|Pipeline|Stage|Engagement)|"
      "scheduling(EventType|Slot|Event)|telephonyCall(Transcript)?|widgetCardView|customField)\\b");
  for (const SourceFile& file : Sources({"server", "client"})) {
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string code = file.lines[i].substr(0, file.lines[i].find("//"));
      EXPECT_FALSE(std::regex_search(code, kModel)) << file.path << ":" << i + 1 << ": " << code;
    }
  }
}

TEST(Tidy, FilesStayShortEnoughToRead) {
  for (const SourceFile& file : Sources({"server", "client", "proto", "tests"})) {
    EXPECT_LE(file.lines.size(), 400u) << file.path;
  }
}

TEST(Tidy, NamesSayWhatAThingIs) {
  const std::regex kVague("\\b(class|struct) \\w*(Manager|Helper|Utils?|Impl)\\b");
  for (const SourceFile& file : Sources({"server", "client"})) {
    for (const std::string& line : file.lines) {
      EXPECT_FALSE(std::regex_search(line, kVague)) << file.path << ": " << line;
    }
  }
}

// docs/guarantees.md names `Suite.Name` or `Suite.*` for each promise.
TEST(Tidy, EveryTestThatAPromiseNamesExists) {
  std::set<std::string> tests;
  std::set<std::string> suites;
  const std::regex kTest("TEST(_F|_P)?\\((\\w+),\\s*(\\w+)\\)");
  for (const SourceFile& file : Sources({"tests"})) {
    std::string text;
    for (const std::string& line : file.lines) text += line + " ";
    for (std::sregex_iterator at(text.begin(), text.end(), kTest), end; at != end; ++at) {
      suites.insert((*at)[2]);
      tests.insert((*at)[2].str() + "." + (*at)[3].str());
    }
  }
  std::ifstream in(std::string(TRIBUTARY_SOURCE_DIR) + "/docs/guarantees.md");
  const std::regex kNamed("`(\\w+)\\.(\\w+|\\*)`");
  int named = 0;
  for (std::string line; std::getline(in, line);) {
    for (std::sregex_iterator at(line.begin(), line.end(), kNamed), end; at != end; ++at) {
      const std::string name = (*at)[1].str() + "." + (*at)[2].str();
      if (name == "Suite.Name") continue;
      EXPECT_TRUE((*at)[2] == "*" ? suites.contains((*at)[1]) : tests.contains(name)) << name;
      ++named;
    }
  }
  EXPECT_GT(named, 20);
}

TEST(Tidy, NothingIsLeftForLater) {
  const std::string mark = std::string("TO") + "DO";
  const std::string fix = std::string("FIX") + "ME";
  for (const SourceFile& file : Sources({"server", "client", "tests"})) {
    for (const std::string& line : file.lines) {
      EXPECT_EQ(line.find(mark), std::string::npos) << file.path << ": " << line;
      EXPECT_EQ(line.find(fix), std::string::npos) << file.path << ": " << line;
    }
  }
}

}  // namespace
}  // namespace tributary
