#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>

namespace tributary::command {

// The lines of a stream, one after the other, each within a bound of memory.
class LineReader {
 public:
  LineReader(std::istream& in, size_t bytes_max) : in_(*in.rdbuf()), bytes_max_(bytes_max) {}

  // Reads the next line; false at the end.
  bool Next() {
    line_.clear();
    too_long_ = false;
    int c = in_.sbumpc();
    if (c == kEnd) return false;
    ++number_;
    for (; c != kEnd && c != '\n'; c = in_.sbumpc()) {
      ++bytes_;
      if (line_.size() < bytes_max_) {
        line_ += static_cast<char>(c);
      } else {
        too_long_ = true;
      }
    }
    ++bytes_;
    return true;
  }

  // Whether more can be read without waiting for it.
  bool has_more() { return in_.in_avail() > 0; }

  const std::string& line() const { return line_; }
  // The line is longer than the bound, and its end is not in line().
  bool too_long() const { return too_long_; }
  int64_t number() const { return number_; }  // of the line, from 1
  int64_t bytes() const { return bytes_; }    // read so far

 private:
  static constexpr int kEnd = std::char_traits<char>::eof();

  std::streambuf& in_;
  const size_t bytes_max_;
  std::string line_;
  bool too_long_ = false;
  int64_t number_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace tributary::command
