#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include "client/command/verbs.h"

int main(int argc, char** argv) {
  // A reader that has gone is an error of a write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC writes its own log to standard error; the status of a call says what matters of it.
  ::setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);

  // Nobody here reads standard input through C, and reading it character by character for that
  // would be slow.
  std::ios::sync_with_stdio(false);

  tributary::command::Output out(STDOUT_FILENO);
  tributary::command::Output err(STDERR_FILENO);
  tributary::command::Session session{
      out, err, std::cin,
      [](const std::string& variable) -> std::optional<std::string> {
        const char* value = std::getenv(variable.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      },
      TRIBUTARY_VERSION};
  return tributary::command::RunCommand(std::vector<std::string>(argv + 1, argv + argc), session);
}
