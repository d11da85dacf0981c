#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace tributary::command {

// What the exit code of the command says; `tributary help` lists them.
enum ExitCode {
  kExitOk = 0,
  kExitError = 1,        // anything else
  kExitUsage = 2,        // the command line is wrong; nothing was asked of a server
  kExitNotFound = 3,     // the resource is absent or deleted
  kExitUnavailable = 4,  // no server, or it cannot answer now: try again
  kExitRefused = 5,      // the server refuses the request as it is: changing it is the way on
  kExitInterrupted = 130,
  kExitTerminated = 143,
};

// A status that says that the command line is wrong.
absl::Status UsageError(std::string_view message);

int ExitCodeOf(const absl::Status& status);

}  // namespace tributary::command
