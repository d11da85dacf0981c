#pragma once

#include <chrono>

namespace tributary::sqlite {

// How much one call may look at: a long transaction would keep the write-ahead log from starting
// over.
class ReadBudget {
 public:
  // False: it is used up, and this row is for the next call.
  bool Take() {
    ++rows_;
    if (rows_ <= kRowsMin) return true;
    if (rows_ > kRowsMax) return false;
    return rows_ % kRowsMin != 0 || std::chrono::steady_clock::now() - begin_ < kTimeMax;
  }

  static constexpr int kRowsMax = 1024;

 private:
  static constexpr int kRowsMin = 64;  // so that a slow disk does not keep it from getting anywhere
  static constexpr std::chrono::milliseconds kTimeMax{5};

  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  int rows_ = 0;
};

}  // namespace tributary::sqlite
