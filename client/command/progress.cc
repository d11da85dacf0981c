#include "client/command/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tributary::command {
namespace {

constexpr absl::Duration kRedrawAfter = absl::Milliseconds(100);
constexpr absl::Duration kLineAfter = absl::Seconds(10);
constexpr size_t kBarMin = 10;
constexpr size_t kBarMax = 40;
constexpr size_t kWidthIfUnknown = 80;
constexpr char kToLineStart[] = "\r\x1b[K";  // and empties the line

std::string ClockText(int64_t seconds) {
  if (seconds >= 3600) {
    return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }
  return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
}

std::string Bar(double share, size_t columns) {
  const auto full = static_cast<size_t>(share * static_cast<double>(columns));
  return absl::StrCat("[", std::string(full, '#'), std::string(columns - full, ' '), "]");
}

}  // namespace

std::string ProgressText(const ProgressState& state, std::optional<size_t> width) {
  const double seconds = absl::ToDoubleSeconds(state.elapsed);
  const bool known = state.total > 0;
  const double share =
      known ? std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0., 1.)
            : 0;
  std::string words = absl::StrCat(state.count, " ", state.unit);
  if (seconds >= 1) {
    absl::StrAppendFormat(&words, "  %d/s",
                          static_cast<int64_t>(static_cast<double>(state.count) / seconds));
    if (known && share > 0 && share < 1) {
      const auto left = static_cast<int64_t>(seconds * (1 - share) / share + 0.5);
      absl::StrAppend(&words, "  ", ClockText(left), " left");
    }
  }
  if (known) words = absl::StrFormat("%3d%%  %s", static_cast<int>(share * 100), words);
  std::string text = absl::StrCat(state.what, "  ");
  const size_t used = text.size() + words.size() + 4;  // brackets, and the space behind them
  if (known && width.has_value() && used + kBarMin <= *width) {
    absl::StrAppend(&text, Bar(share, std::min(*width - used, kBarMax)), "  ");
  }
  return absl::StrCat(text, words).substr(0, width.value_or(std::string::npos));
}

Progress::Progress(Output& err, std::string what, std::string unit, int64_t total,
                   std::function<absl::Time()> now)
    : err_(err),
      now_(std::move(now)),
      terminal_(err.is_terminal()),
      begun_(now_()),
      state_{std::move(what), std::move(unit), 0, 0, total, absl::ZeroDuration()},
      shown_at_(begun_) {}

void Progress::Update(int64_t count, int64_t done) {
  state_.count = count;
  state_.done = done;
  const absl::Time now = now_();
  if (now - shown_at_ < (terminal_ ? kRedrawAfter : kLineAfter)) return;
  shown_at_ = now;
  state_.elapsed = now - begun_;
  if (terminal_) {
    // The last column stays free: some terminals break the line at it.
    const size_t width = err_.width().value_or(kWidthIfUnknown);
    err_.Write(
        absl::StrCat(kToLineStart, ProgressText(state_, width - std::min<size_t>(width, 1))));
    shown_ = true;
  } else {
    err_.Write(absl::StrCat(ProgressText(state_, std::nullopt), "\n"));
  }
  err_.Flush();
}

void Progress::Say(const std::string& line) {
  Wipe();
  err_.Write(absl::StrCat(line, "\n"));
  err_.Flush();
}

void Progress::Wipe() {
  if (!shown_) return;
  shown_ = false;
  err_.Write(kToLineStart);
  err_.Flush();
}

}  // namespace tributary::command
