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

std::optional<LogLevel> LogLevelOf(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return std::nullopt;
}

bool IsLogged(LogLevel level) { return level >= threshold.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view message) {
  if (!IsLogged(level)) return;
  const char letter = "DIWE"[static_cast<int>(level)];
  const std::string line =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()), " ",
                   std::string(1, letter), " ", Absl(message), "\n");
  // One write, so that lines of several threads do not mix; a closed standard error stops nobody.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace tributary
