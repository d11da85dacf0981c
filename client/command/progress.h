#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/command/output.h"

namespace tributary::command {

// How far a long run has come.
struct ProgressState {
  std::string what;   // "import"
  std::string unit;   // "lines"
  int64_t count = 0;  // of them
  int64_t done = 0;   // of `total`
  int64_t total = 0;  // 0: not known
  absl::Duration elapsed;
};

// "import  [#####     ]   50%  1200 lines  300/s  0:04 left", of at most `width` columns: the bar
// takes what the words leave. No bar without a width or a total; without a total no share and end.
std::string ProgressText(const ProgressState& state, std::optional<size_t> width);

// Shows how far a run has come, on standard error: on a terminal as a line that is written over
// itself, elsewhere as a line every ten seconds. Not thread-safe.
class Progress {
 public:
  Progress(Output& err, std::string what, std::string unit, int64_t total,
           std::function<absl::Time()> now = absl::Now);
  ~Progress() { Wipe(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `count` units, which are `done` of the total.
  void Update(int64_t count, int64_t done);

  // A line that stays, above the other.
  void Say(const std::string& line);

  // Takes the line away.
  void Wipe();

 private:
  Output& err_;
  const std::function<absl::Time()> now_;
  const bool terminal_;
  const absl::Time begun_;
  ProgressState state_;
  absl::Time shown_at_;
  bool shown_ = false;  // on the terminal, just now
};

}  // namespace tributary::command
