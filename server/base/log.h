#pragma once

#include <optional>
#include <string_view>

namespace tributary {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below `level` are not written. Call once, before threads start.
void SetLogLevel(LogLevel level);

// The level called `name` (debug, info, warning, error); nullopt if there is none.
std::optional<LogLevel> LogLevelOf(std::string_view name);

// Whether a line of `level` would be written: ask before putting together what nobody reads.
bool IsLogged(LogLevel level);

// One line on standard error: `2026-01-31T12:00:00.000000Z I message`. Thread-safe; a line is never
// torn.
void Log(LogLevel level, std::string_view message);

inline void LogInfo(std::string_view message) { Log(LogLevel::kInfo, message); }
inline void LogWarning(std::string_view message) { Log(LogLevel::kWarning, message); }
inline void LogError(std::string_view message) { Log(LogLevel::kError, message); }

}  // namespace tributary
