#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace tributary::testing {

// The samples of a page in OpenMetrics text, as {`name{labels}` as written: value}. A test failure
// for each line that breaks the format: metadata before samples, families and series once, names
// that fit their type and unit, buckets that only grow and end at the count, the end mark.
class ExpositionReader {
 public:
  explicit ExpositionReader(const std::string& page);
  bool Has(const std::string& series) const { return samples_.contains(series); }

  // A failure if there is no such series.
  double At(const std::string& series) const;

  const std::map<std::string, std::string>& types() const { return types_; }
  size_t size() const { return samples_.size(); }

 private:
  void ReadMetadata(const std::string& line);
  void ReadSample(const std::string& line);
  void CheckHistograms();

  bool ended_ = false;
  std::string family_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double> samples_;
  std::map<std::string, double> last_bucket_;
};

}  // namespace tributary::testing
