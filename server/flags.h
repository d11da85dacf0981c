#pragma once

#include "absl/status/statusor.h"
#include "server/server.h"

namespace tributary {

// Reads the environment (TRIBUTARY_<FLAG>) and then the command line, which wins, into options.
// Prints and exits for --help, --version and unknown flags. INVALID_ARGUMENT names the flag, its
// value and the rule.
absl::StatusOr<ServerOptions> OptionsFromCommandLine(int argc, char** argv);

}  // namespace tributary
