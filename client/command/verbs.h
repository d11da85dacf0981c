#pragma once

#include <functional>
#include <istream>
#include <string>
#include <vector>

#include "client/command/arguments.h"
#include "client/command/exit_code.h"
#include "client/command/output.h"

namespace tributary::command {

// What a run of the command reads and writes.
struct Session {
  Output& out;
  Output& err;
  std::istream& in;
  Environment environment;
  std::string version;

  // For what a person wants to know but a script does not: on standard error, if that is a
  // terminal.
  void Note(std::string_view text);
};

// One thing that the command does. `run` returns the exit code, or what went wrong, which the
// caller prints.
struct Verb {
  std::string name;
  std::string synopsis;     // after the name: "MODEL ID..."
  std::string summary;      // one line
  std::string description;  // sentences; may be empty
  std::vector<std::string> examples;
  std::vector<Flag> flags;
  std::function<absl::StatusOr<int>(const Arguments& arguments, Session& session)> run;
};

Verb GetVerb();
Verb ListVerb();
Verb WatchVerb();
Verb SendVerb();
Verb ImportVerb();
Verb ExportVerb();
Verb BackfillVerb();
Verb DeliveriesVerb();
Verb StatusVerb();
Verb ModelsVerb();

// Runs a whole command line, without the program's name. Returns the exit code.
int RunCommand(const std::vector<std::string>& line, Session& session);

// Prints a failure of a verb, with the fields at fault and what to try.
void PrintError(const absl::Status& status, const std::string& verb, const Arguments& arguments,
                Session& session);

}  // namespace tributary::command
