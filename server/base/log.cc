#include "server/base/log.h"

#include <unistd.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

std::atomic<LogLevel> threshold{LogLevel::kInfo};

}  // namespace

void SetLogLevel(LogLevel level) { threshold = level; }

void Log(LogLevel level, std::string_view message) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  const char letter = "DIWE"[static_cast<int>(level)];
  const std::string line = absl::StrCat(
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()), " ",
      std::string(1, letter), " ", Absl(message), "\n");
  // One write, so that lines of several threads do not mix; a closed standard error stops nobody.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace tributary
