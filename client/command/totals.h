#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"

namespace tributary::command {

// How many there were of each kind, for the last line of a run.
class Totals {
 public:
  void Count(const std::string& what) {
    ++counts_[what];
    ++all_;
  }

  int64_t all() const { return all_; }
  int64_t Of(const std::string& what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }
  // "APPLIED 10 REJECTED 1"
  std::string Text() const {
    std::string text;
    for (const auto& [what, count] : counts_) {
      absl::StrAppend(&text, text.empty() ? "" : " ", what, " ", count);
    }
    return text;
  }

 private:
  std::map<std::string, int64_t> counts_;
  int64_t all_ = 0;
};

}  // namespace tributary::command
