#include "tests/testing/exposition_reader.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

#include "gtest/gtest.h"

namespace tributary::testing {

ExpositionReader::ExpositionReader(const std::string& page) {
  EXPECT_TRUE(page.ends_with("\n# EOF\n"));
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line) && !ended_;) {
    line.starts_with("#") ? ReadMetadata(line) : ReadSample(line);
  }
  EXPECT_TRUE(lines.eof() || lines.peek() == EOF) << "something follows the end mark";
  CheckHistograms();
}

double ExpositionReader::At(const std::string& series) const {
  const auto found = samples_.find(series);
  if (found == samples_.end()) {
    ADD_FAILURE() << "no series " << series;
    return NAN;
  }
  return found->second;
}

void ExpositionReader::ReadMetadata(const std::string& line) {
  if (line == "# EOF") {
    ended_ = true;
    return;
  }
  static const std::regex kMetadata("# (TYPE|UNIT|HELP) ([a-z_]+) (.+)");
  std::smatch match;
  ASSERT_TRUE(std::regex_match(line, match, kMetadata)) << line;
  const std::string name = match[2];
  if (match[1] == "TYPE") {
    EXPECT_TRUE(types_.emplace(name, match[3]).second) << "twice: " << line;
    family_ = name;
  }
  EXPECT_EQ(name, family_) << line;
  if (match[1] == "UNIT") {
    EXPECT_TRUE(name.ends_with("_" + match[3].str())) << line;
  }
}

void ExpositionReader::ReadSample(const std::string& line) {
  static const std::regex kSample(
      R"(([a-z_]+)(\{([a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? ([-+0-9.e]+))");
  std::smatch match;
  ASSERT_TRUE(std::regex_match(line, match, kSample)) << line;
  const std::string name = match[1];
  static const std::map<std::string, std::set<std::string>> kEndings = {
      {"info", {"_info"}},
      {"counter", {"_total"}},
      {"gauge", {""}},
      {"histogram", {"_bucket", "_count", "_sum"}}};
  ASSERT_TRUE(name.starts_with(family_)) << line << " among the samples of " << family_;
  const auto endings = kEndings.find(types_[family_]);
  ASSERT_NE(endings, kEndings.end()) << types_[family_];
  EXPECT_TRUE(endings->second.contains(name.substr(family_.size()))) << line;
  const double value = std::strtod(match[4].str().c_str(), nullptr);
  EXPECT_GE(value, 0) << line;
  EXPECT_TRUE(samples_.emplace(name + match[2].str(), value).second) << "twice: " << line;
  if (name.ends_with("_bucket")) {
    const std::string labels = match[2];
    const size_t le = labels.rfind("le=\"");  // the last label
    ASSERT_NE(le, labels.npos) << line;
    double& last = last_bucket_[name + labels.substr(0, le)];
    EXPECT_GE(value, last) << line;
    last = value;
  }
}

void ExpositionReader::CheckHistograms() {
  for (const auto& [bucket, count] : last_bucket_) {
    // "t_bucket{a="b"," or "t_bucket{": the count has the same labels without `le`.
    std::string series = bucket.substr(0, bucket.size() - 1);
    series.replace(series.find("_bucket"), 7, "_count");
    if (series.find('{') != series.npos) series += "}";
    EXPECT_EQ(At(series), count);
  }
}

}  // namespace tributary::testing
