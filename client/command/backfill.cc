// What the source has, read from Morph's REST API into the server.

#include "client/morph/backfill.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/command/connection.h"
#include "client/command/interrupt.h"
#include "client/command/progress.h"
#include "client/command/text.h"
#include "client/command/verbs.h"
#include "client/command/verdict.h"

namespace tributary::command {
namespace {

struct Models {
  std::vector<const ResourceModel*> models;
  bool all = false;  // those that the connector does not list are passed over
};

absl::StatusOr<Models> ReadListedModels(const Arguments& arguments) {
  Models read;
  for (const absl::string_view word :
       absl::StrSplit(arguments.Text("model"), ',', absl::SkipWhitespace())) {
    if (word == "all") {
      read.all = true;
      continue;
    }
    const absl::StatusOr<const ResourceModel*> model = ReadModel(std::string(word));
    if (!model.ok()) return model.status();
    if (!IsListed(**model)) {
      return UsageError(absl::StrCat((*model)->plural(), " are not listed by the source"));
    }
    read.models.push_back(*model);
  }
  if (read.all && !read.models.empty()) return UsageError("--model: all, or some");
  if (!read.all && read.models.empty()) {
    return UsageError("which model? --model=opportunity, say; `tributary models` lists them");
  }
  for (const ResourceModel& model : ResourceModel::All()) {
    if (read.all && IsListed(model)) read.models.push_back(&model);
  }
  return read;
}

// A flag, or the variable by which others know it.
std::string Credential(const Arguments& arguments, const Session& session, const std::string& flag,
                       const std::string& variable) {
  const std::string given = arguments.Text(flag);
  return given.empty() ? session.environment(variable).value_or("") : given;
}

// Tells on standard error how it goes.
class Reporter {
 public:
  explicit Reporter(Session& session) : session_(session) {}

  void Begin(const ResourceModel& model) {
    progress_ = std::make_unique<Progress>(session_.err, model.plural(), "listed", 0);
  }
  void Update(const BackfillReport& report) { progress_->Update(report.listed, 0); }
  void End() { progress_.reset(); }

  void Say(std::string_view text) {
    const std::string line = absl::StrCat("tributary backfill: ", OneLine(text));
    if (progress_ != nullptr) return progress_->Say(line);
    session_.err.Write(line + "\n");
    session_.err.Flush();
  }
  void SayRetry(const absl::Status& status, absl::Duration wait) { Say(RetryText(status, wait)); }

 private:
  Session& session_;
  std::unique_ptr<Progress> progress_;  // of the model under way
};

absl::StatusOr<MorphOptions> ReadMorphOptions(const Arguments& arguments, const Session& session) {
  MorphOptions options;
  options.url = arguments.Text("morph_url");
  options.api_key = Credential(arguments, session, "morph_api_key", "MORPH_API_KEY");
  options.api_secret = Credential(arguments, session, "morph_api_secret", "MORPH_API_SECRET");
  options.scope = ReadScope(arguments);
  const absl::StatusOr<int> page_size = arguments.Value<int>("morph_page_size");
  if (!page_size.ok()) return page_size.status();
  const absl::StatusOr<int> retries = arguments.Value<int>("retries");
  if (!retries.ok()) return retries.status();
  if (*page_size < 1 || *retries < 0) {
    return UsageError("--morph_page_size must be 1 or more, --retries not negative");
  }
  options.page_size = *page_size;
  options.attempts_max = *retries + 1;
  for (const auto& [flag, target] : {std::pair{"retry_wait", &options.backoff.initial},
                                     std::pair{"morph_timeout", &options.timeout}}) {
    const absl::StatusOr<absl::Duration> value = arguments.Value<absl::Duration>(flag);
    if (!value.ok()) return value.status();
    if (*value <= absl::ZeroDuration()) {
      return UsageError(absl::StrCat("--", flag, " must be more than nothing"));
    }
    *target = *value;
  }
  return options;
}

absl::StatusOr<std::unique_ptr<MorphClient>> OpenMorph(const Arguments& arguments,
                                                       const Session& session, Reporter& reporter) {
  absl::StatusOr<MorphOptions> options = ReadMorphOptions(arguments, session);
  if (!options.ok()) return options.status();
  for (const auto& [flag, value] : {std::pair{"connector", &options->scope.connector_id},
                                    std::pair{"owner", &options->scope.owner_id}}) {
    if (value->empty()) return UsageError(absl::StrCat("--", flag, " must be given"));
  }
  if (options->api_key.empty() || options->api_secret.empty()) {
    return UsageError("MORPH_API_KEY and MORPH_API_SECRET must be set in the environment");
  }
  options->on_retry = [&](const absl::Status& status, absl::Duration wait) {
    reporter.SayRetry(status, wait);
  };
  absl::StatusOr<std::unique_ptr<MorphClient>> morph = MorphClient::Make(*std::move(options));
  if (!morph.ok()) return UsageError(std::string(morph.status().message()));
  return morph;
}

std::string TextOf(const BackfillReport::Verdicts& verdicts) {
  std::string text;
  for (const auto& [verdict, count] : verdicts) {
    absl::StrAppend(&text, " ", VerdictText(verdict), " ", count);
  }
  return text;
}

std::string TextOf(const FieldTotals& fields) {
  std::string text;
  for (const auto& [count, what] : {std::pair<int64_t, const char*>{fields.declared, "declared"},
                                    {fields.changed, "changed"},
                                    {fields.unchanged, "unchanged"},
                                    {fields.left_out, "left out"},
                                    {fields.refused, "refused"}}) {
    if (count > 0) absl::StrAppend(&text, text.empty() ? "" : ", ", count, " ", what);
  }
  return text;
}

std::string MissingText(const BackfillReport& report, const BackfillOptions& options) {
  if (report.held == 0 && !report.kept.empty()) {
    return absl::StrCat("  missing: not looked for, as ", report.kept, "\n");
  }
  const std::string text = absl::StrCat("  missing: ", report.missing, " of ", report.held);
  if (!report.kept.empty()) {
    return absl::StrCat(text, "; as ", report.kept, ", only --yes deletes them\n");
  }
  if (report.missing == 0) return text + "\n";
  if (options.dry_run) return text + ", would be deleted\n";
  return absl::StrCat(text, ", deleted:", TextOf(report.deletions), "\n");
}

void Print(const ResourceModel& model, const BackfillReport& report, const BackfillOptions& options,
           Session& session) {
  std::string text = absl::StrCat(model.plural(), ": ", report.listed, " listed");
  absl::StrAppend(&text, report.verdicts.empty() ? "" : ":", TextOf(report.verdicts), "\n");
  if (const std::string fields = TextOf(report.fields); !fields.empty()) {
    absl::StrAppend(&text, "  fields: ", fields, "\n");
  }
  if (options.delete_missing) text += MissingText(report, options);
  for (const std::string& problem : report.problems) {
    absl::StrAppend(&text, "  refused: ", OneLine(problem), "\n");
  }
  session.out.Write(text);
  session.out.Flush();
}

// What the run of one model means for the exit code, after its failures were told.
int Judge(const BackfillReport& report, const BackfillOptions& options, Reporter& reporter) {
  int code = kExitOk;
  for (const absl::Status* status : {&report.list_status, &report.fields_status}) {
    if (status->ok()) continue;
    reporter.Say({status->message().data(), status->message().size()});
    if (code == kExitOk) code = ExitCodeOf(*status);
  }
  if (code == kExitOk && report.refused > 0) code = kExitRefused;
  if (code == kExitOk && options.delete_missing && !report.kept.empty()) code = kExitRefused;
  return code;
}

absl::StatusOr<int> RunModels(const Models& models, Backfill& backfill,
                              const BackfillOptions& options, Reporter& reporter,
                              Session& session) {
  int code = kExitOk;
  for (const ResourceModel* model : models.models) {
    BackfillReport report;
    reporter.Begin(*model);
    const absl::Status status = backfill.Run(*model, report);
    reporter.End();
    if (models.all && status.ok() && IsNotOffered(report.list_status)) {
      session.out.Write(absl::StrCat(model->plural(), ": not listed by this connector\n"));
      session.out.Flush();
      continue;
    }
    if (status.ok() || report.listed > 0) Print(*model, report, options, session);
    if (!status.ok()) return status;
    const int own = Judge(report, options, reporter);
    // The first failure is the one to know of.
    if (code == kExitOk) code = own;
  }
  return code;
}

absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  if (arguments.words().size() > 1) {
    return UsageError(absl::StrCat("unexpected \"", arguments.words()[1], "\""));
  }
  const absl::StatusOr<Models> models = ReadListedModels(arguments);
  if (!models.ok()) return models.status();
  const absl::StatusOr<CallOptions> calls = ReadCallOptions(arguments);
  if (!calls.ok()) return calls.status();
  Reporter reporter(session);
  const absl::StatusOr<std::unique_ptr<MorphClient>> morph =
      OpenMorph(arguments, session, reporter);
  if (!morph.ok()) return morph.status();
  // Before gRPC starts threads, which would else take the signals.
  Interrupt interrupt;
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(arguments);
  if (!channel.ok()) return channel.status();
  BackfillOptions options{.delete_missing = arguments.IsOn("delete_missing"),
                          .delete_many = arguments.IsOn("yes"),
                          .dry_run = arguments.IsOn("dry_run")};
  options.ingest.on_retry = [&](const absl::Status& status, absl::Duration wait) {
    reporter.SayRetry(status, wait);
  };
  Backfill backfill(*std::move(channel), **morph, ReadScope(arguments), *calls, options,
                    [&](const BackfillReport& report) { reporter.Update(report); });
  interrupt.OnSignal([&] { backfill.Cancel(); });
  absl::StatusOr<int> code = RunModels(*models, backfill, options, reporter, session);
  interrupt.OnSignal(nullptr);
  if (interrupt.signal() != 0) return 128 + interrupt.signal();
  if (options.dry_run) session.Note("a dry run: nothing was sent");
  return code;
}

std::vector<Flag> MorphFlags() {
  return {{.name = "morph_url",
           .value = "URL",
           .help = "where Morph's REST API is",
           .fallback = "https://api.runmorph.dev"},
          {.name = "morph_api_key", .value = "KEY", .help = "better set as MORPH_API_KEY"},
          {.name = "morph_api_secret", .value = "SECRET", .help = "better set as MORPH_API_SECRET"},
          {.name = "morph_page_size",
           .value = "N",
           .help = "resources per page; connectors have limits of their own",
           .fallback = "100"},
          {.name = "morph_timeout",
           .value = "DURATION",
           .help = "how long to wait for a page",
           .fallback = "30s"},
          {.name = "retries",
           .value = "N",
           .help = "how often to ask for a page again: after 429, 5xx, a broken answer",
           .fallback = "5"},
          {.name = "retry_wait",
           .value = "DURATION",
           .help = "before the first of them; twice as long before each further one",
           .fallback = "1s"}};
}

}  // namespace

Verb BackfillVerb() {
  return {.name = "backfill",
          .synopsis = "",
          .summary = "reads what the source has from Morph's REST API into the server",
          .description =
              "Of each model the definitions of its fields, then all its resources, each as "
              "observed when its\n"
              "page was read: what webhooks missed is repaired, what is newer here stays. To run "
              "it again\n"
              "changes nothing. --delete_missing also deletes what the source lists no more, of "
              "which nothing\n"
              "has been heard since the run began: never after a list that was not read to its "
              "end, and only\n"
              "with --yes if that is more than a fifth. docs/backfill.md tells more.",
          .examples = {"tributary backfill --connector=hubspot --owner=acme --model=opportunity",
                       "tributary backfill --connector=hubspot --owner=acme --model=all "
                       "--delete_missing --dry_run"},
          .flags = Concat(
              {ScopeFlags(),
               {{.name = "model",
                 .value = "MODEL",
                 .help = "which one, given as often as needed; or all",
                 .repeats = true},
                {.name = "delete_missing", .help = "delete what the source does not list any more"},
                {.name = "dry_run", .help = "say what would be, and change nothing"},
                {.name = "yes", .help = "delete even if it is more than a fifth", .letter = 'y'}},
               MorphFlags(),
               ServerFlags()}),
          .run = Run};
}

}  // namespace tributary::command
