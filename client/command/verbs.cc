#include "client/command/verbs.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/command/connection.h"
#include "client/command/suggest.h"
#include "client/command/text.h"
#include "client/error.h"

namespace tributary::command {
namespace {

constexpr char kExitCodes[] =
    "Exit codes:\n"
    "  0    done\n"
    "  1    any other failure\n"
    "  2    the command line is wrong\n"
    "  3    not found, or deleted\n"
    "  4    the server cannot be reached or cannot answer now; try again\n"
    "  5    the server refuses the request; changing it is the way on\n"
    "  130  ended by Ctrl-C (143: by SIGTERM)\n";

constexpr char kEnvironment[] =
    "Each flag can be set in the environment too: --owner as TRIBUTARY_OWNER, --page_size as\n"
    "TRIBUTARY_PAGE_SIZE.\n\n";

const std::vector<Verb>& Verbs() {
  static const auto& verbs = *new std::vector<Verb>{
      GetVerb(),    ListVerb(),     WatchVerb(),      SendVerb(),   ImportVerb(),
      ExportVerb(), BackfillVerb(), DeliveriesVerb(), StatusVerb(), ModelsVerb()};
  return verbs;
}

std::vector<Flag> CommonFlags() {
  return {{.name = "help", .help = "show this and exit", .from_environment = false, .letter = 'h'},
          {.name = "version", .help = "show the version and exit", .from_environment = false}};
}

const Verb* FindVerb(std::string_view name) {
  const auto found = std::find_if(Verbs().begin(), Verbs().end(),
                                  [name](const Verb& verb) { return verb.name == name; });
  return found == Verbs().end() ? nullptr : &*found;
}

// The flags of all verbs, each once: as `first` has it, if that does.
std::vector<Flag> AllFlags(const Verb* first = nullptr) {
  std::vector<Flag> all = CommonFlags();
  if (first != nullptr) all.insert(all.end(), first->flags.begin(), first->flags.end());
  for (const Verb& verb : Verbs()) {
    for (const Flag& flag : verb.flags) {
      const bool known = std::any_of(all.begin(), all.end(),
                                     [&](const Flag& other) { return other.name == flag.name; });
      if (!known) all.push_back(flag);
    }
  }
  return all;
}

std::string FlagHelp(const Flag& flag) {
  std::string left = flag.letter != 0 ? absl::StrFormat("  -%c, ", flag.letter) : "      ";
  absl::StrAppend(&left, "--", flag.name, flag.value.empty() ? "" : "=", flag.value);
  std::string right = flag.help;
  if (!flag.fallback.empty()) absl::StrAppend(&right, " (default: ", flag.fallback, ")");
  return absl::StrFormat("%-30s  %s\n", left, right);
}

std::string GeneralHelp() {
  std::string text =
      "Reads and follows CRM resources that a Tributary server keeps.\n\n"
      "Usage: tributary VERB [WORDS] [FLAGS]\n\nVerbs:\n";
  for (const Verb& verb : Verbs()) {
    absl::StrAppendFormat(&text, "  %-26s %s\n", absl::StrCat(verb.name, " ", verb.synopsis),
                          verb.summary);
  }
  text +=
      "  help [VERB]                this, or what a verb does\n\n"
      "Examples:\n"
      "  tributary send opportunity.json --connector=hubspot --owner=acme\n"
      "  tributary list opportunities --connector=hubspot --owner=acme\n"
      "  tributary watch opportunities --output=jsonl\n\n"
      "Flags stand anywhere, take - and _ alike, and their value after = or a space.\n";
  return absl::StrCat(text, kEnvironment, kExitCodes);
}

std::string Sentence(std::string text) {
  text[0] = absl::ascii_toupper(static_cast<unsigned char>(text[0]));
  return text + ".";
}

std::string VerbHelp(const Verb& verb) {
  std::string text =
      absl::StrCat("Usage: tributary ", verb.name, " ", verb.synopsis,
                   verb.synopsis.empty() ? "" : " ", "[FLAGS]\n\n", Sentence(verb.summary), "\n");
  if (!verb.description.empty()) absl::StrAppend(&text, "\n", verb.description, "\n");
  text += "\nExamples:\n";
  for (const std::string& example : verb.examples) absl::StrAppend(&text, "  ", example, "\n");
  text += "\nFlags:\n";
  for (const Flag& flag : verb.flags) text += FlagHelp(flag);
  for (const Flag& flag : CommonFlags()) text += FlagHelp(flag);
  return absl::StrCat(text, "\n", kEnvironment, kExitCodes);
}

absl::Status UnknownVerb(const std::string& name) {
  std::vector<std::string> names = {"help"};
  for (const Verb& verb : Verbs()) names.push_back(verb.name);
  return UsageError(absl::StrCat("unknown verb \"", name, "\"", DidYouMean(name, names),
                                 "; `tributary help` lists them"));
}

// The exit code of a run that came to `code`, after the failure, if it is one, has been printed.
int Finish(absl::StatusOr<int> code, const std::string& verb, const Arguments& arguments,
           Session& session) {
  session.out.Flush();
  // What failed because nobody reads any more did not fail.
  if (session.out.closed()) return kExitOk;
  if (!session.out.status().ok()) code = session.out.status();
  if (code.ok()) return *code;
  PrintError(code.status(), verb, arguments, session);
  return ExitCodeOf(code.status());
}

// The help that is asked for, or nothing.
absl::StatusOr<std::string> HelpText(const std::vector<std::string>& words, bool wanted) {
  if (words.empty()) return GeneralHelp();
  const bool help_verb = words[0] == "help";
  if (!help_verb && !wanted) return std::string();
  const std::string& name = help_verb ? (words.size() > 1 ? words[1] : "") : words[0];
  if (name.empty()) return GeneralHelp();
  const Verb* verb = FindVerb(name);
  if (verb == nullptr) return UnknownVerb(name);
  return VerbHelp(*verb);
}

absl::StatusOr<int> RunVerb(const Verb& verb, const Arguments& arguments, Session& session) {
  const absl::Status flags = arguments.CheckFlags(Concat({verb.flags, CommonFlags()}), verb.name);
  if (!flags.ok()) return flags;
  return verb.run(arguments, session);
}

}  // namespace

void Session::Note(std::string_view text) {
  if (!err.is_terminal()) return;
  err.Write(absl::StrCat(std::string(text), "\n"));
  err.Flush();
}

void PrintError(const absl::Status& status, const std::string& verb, const Arguments& arguments,
                Session& session) {
  std::string text = absl::StrCat("tributary", verb.empty() ? "" : " ", verb, ": ",
                                  OneLine(std::string(status.message())), "\n");
  for (const auto& [field, description] : ViolationsOf(status)) {
    // Most messages name the one field at fault already.
    if (!absl::StrContains(status.message(), field)) {
      absl::StrAppend(&text, "  ", OneLine(field), ": ", OneLine(description), "\n");
    }
  }
  if (status.code() == absl::StatusCode::kUnavailable && ReasonOf(status).empty()) {
    absl::StrAppend(&text, "Is the server running? Its address is set by ",
                    verb == "send" ? "--http_address or TRIBUTARY_HTTP_ADDRESS"
                                   : absl::StrCat("--address or TRIBUTARY_ADDRESS (now ",
                                                  arguments.Text("address"), ")"),
                    ".\n");
  }
  if (ExitCodeOf(status) == kExitUsage) {
    absl::StrAppend(&text, "`tributary help", verb.empty() ? "" : " ", verb,
                    "` shows how it is used.\n");
  }
  session.err.Write(text);
  session.err.Flush();
}

int RunCommand(const std::vector<std::string>& line, Session& session) {
  const absl::StatusOr<Arguments> arguments =
      Arguments::Parse(line, AllFlags(), session.environment);
  if (!arguments.ok()) return Finish(arguments.status(), "", {}, session);
  if (arguments->IsOn("version")) {
    session.out.Write(absl::StrCat("tributary ", session.version, "\n"));
    return Finish(kExitOk, "", *arguments, session);
  }
  const bool asked = arguments->IsOn("help");
  const std::vector<std::string>& words = arguments->words();
  const absl::StatusOr<std::string> help = HelpText(words, asked);
  if (!help.ok()) return Finish(help.status(), "", *arguments, session);
  if (words.empty() && !asked) {
    session.err.Write(*help);
    session.err.Flush();
    return kExitUsage;
  }
  if (!help->empty()) {
    session.out.Write(*help);
    return Finish(kExitOk, "", *arguments, session);
  }
  const Verb* verb = FindVerb(words[0]);
  if (verb == nullptr) return Finish(UnknownVerb(words[0]), "", *arguments, session);
  // Once more, now that it is known whose defaults count.
  const absl::StatusOr<Arguments> own = Arguments::Parse(line, AllFlags(verb), session.environment);
  if (!own.ok()) return Finish(own.status(), verb->name, *arguments, session);
  return Finish(RunVerb(*verb, *own, session), verb->name, *own, session);
}

}  // namespace tributary::command
