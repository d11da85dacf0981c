#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/command/connection.h"
#include "client/command/follow_file.h"
#include "client/command/interrupt.h"
#include "client/command/json.h"
#include "client/command/printer.h"
#include "client/command/text.h"
#include "client/command/verbs.h"
#include "client/error.h"
#include "client/reflect.h"

namespace tributary::command {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Request {
  Format format = Format::kTable;
  bool bookmarks = false;
  bool show_changes = false;
  int64_t limit = 0;  // 0: none
  WatchOptions options;
  std::unique_ptr<FollowFile> follow_file;  // null: none
};

void ReadStart(const std::string& from, WatchOptions& options) {
  if (from == "snapshot") {
    options.start = v1::WATCH_START_SNAPSHOT;
  } else if (from == "now") {
    options.start = v1::WATCH_START_NOW;
  } else if (from == "beginning") {
    options.start = v1::WATCH_START_BEGINNING;
  } else {
    options.resume_token = from;
  }
}

absl::Status ReadDurations(const Arguments& arguments, WatchOptions& options) {
  for (const auto& [flag, target] : {std::pair{"heartbeat", &options.heartbeat_interval},
                                     std::pair{"retry_for", &options.patience.retry_for},
                                     std::pair{"timeout", &options.patience.connect_within}}) {
    const absl::StatusOr<absl::Duration> value = arguments.Value<absl::Duration>(flag);
    if (!value.ok()) return value.status();
    *target = *value;
  }
  return absl::OkStatus();
}

// What contradicts itself.
absl::Status Check(const Request& request, const Arguments& arguments) {
  if (request.limit < 0) return UsageError("--limit must not be negative");
  if (request.show_changes && request.format == Format::kSource) {
    return UsageError("--show_changes: the source's JSON has no state before a change");
  }
  if (request.limit > 0 && !arguments.Text("follow_file").empty()) {
    return UsageError(
        "--limit and --follow_file exclude each other: the file holds positions between responses, "
        "not between the changes of one; --stop_at_head ends a run");
  }
  return absl::OkStatus();
}

// Opens the file, which goes before any other position: those are for its first run.
absl::Status Follow(const std::string& path, Request& request) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<FollowFile>> file = FollowFile::Open(path);
  if (!file.ok()) return file.status();
  request.follow_file = *std::move(file);
  if (!request.follow_file->token().empty()) {
    request.options.resume_token = request.follow_file->token();
  }
  return absl::OkStatus();
}

absl::StatusOr<Request> ReadRequest(const Arguments& arguments) {
  const absl::StatusOr<Format> format = ParseFormat(arguments.Text("output"));
  if (!format.ok()) return format.status();
  const absl::StatusOr<v1::View> view = ReadView(arguments);
  if (!view.ok()) return view.status();
  const absl::StatusOr<int64_t> limit = arguments.Value<int64_t>("limit");
  if (!limit.ok()) return limit.status();
  Request request{*format, arguments.IsOn("bookmarks"), arguments.IsOn("show_changes"), *limit, {},
                  nullptr};
  if (absl::Status status = Check(request, arguments); !status.ok()) return status;
  WatchOptions& options = request.options;
  options.view = *view;
  options.filter = arguments.Text("filter");
  options.include_previous = arguments.IsOn("include_previous") || request.show_changes;
  options.stop_at_head = arguments.IsOn("stop_at_head");
  ReadStart(arguments.Text("from"), options);
  if (!arguments.Text("after_revision").empty()) {
    const absl::StatusOr<int64_t> revision = arguments.Value<int64_t>("after_revision");
    if (!revision.ok()) return revision.status();
    options.after_revision = *revision;
  }
  if (absl::Status status = ReadDurations(arguments, options); !status.ok()) return status;
  if (absl::Status status = Follow(arguments.Text("follow_file"), request); !status.ok()) {
    return status;
  }
  return request;
}

// The position after a response, for a script to keep beside what it did with the changes.
std::string BookmarkJson(const Message& response) {
  JsonWriter json(Layout::kOneLine);
  json.BeginObject();
  json.Key("resumeToken");
  json.String(GetString(response, "resume_token"));
  for (const char* name : {"revision", "head_revision"}) {
    json.Key(FieldNamed(response, name).json_name());
    json.String(absl::StrCat(GetInt64(response, name)));  // as proto3 JSON has an int64
  }
  json.Key("snapshotComplete");
  json.Bool(GetBool(response, "snapshot_complete"));
  json.EndObject();
  return json.Take() + "\n";
}

// Shows what a watch brings until it ends or enough has been seen.
class Viewer {
 public:
  Viewer(Request& request, ChangePrinter printer, Session& session)
      : request_(request), printer_(std::move(printer)), session_(session) {}

  // False: enough.
  bool Show(const Message& response) {
    const FieldDescriptor& changes = FieldNamed(response, "changes");
    const auto& reflection = *response.GetReflection();
    const int size = reflection.FieldSize(response, &changes);
    int shown = 0;
    for (; shown < size && !Enough(); ++shown, ++count_) {
      printer_.Print(reflection.GetRepeatedMessage(response, &changes, shown));
    }
    // The position is after all of them: not for who has not seen the last.
    if (request_.bookmarks && request_.format != Format::kTable && shown == size) {
      session_.out.Write(BookmarkJson(response));
    }
    printer_.Flush();
    // A reader that has gone shows in the next write, which may be hours away: look.
    const bool read = !session_.out.closed(/*look=*/true) && session_.out.status().ok();
    if (read && request_.follow_file != nullptr) KeepPosition(response);
    if (GetBool(response, "snapshot_complete")) {
      session_.Note(absl::StrCat("-- the snapshot is complete; now changes after revision ",
                                 GetInt64(response, "revision")));
    }
    return read && status_.ok() && session_.out.status().ok() && !Enough();
  }

  // OK, unless the position could not be kept.
  const absl::Status& status() const { return status_; }

 private:
  bool Enough() const { return request_.limit > 0 && count_ >= request_.limit; }

  // What was shown is safe before the position says so: after a crash between the two it is shown
  // again, and never left out.
  void KeepPosition(const Message& response) {
    session_.out.Sync();
    if (!session_.out.status().ok()) return;
    status_ = request_.follow_file->Save(GetString(response, "resume_token"));
  }

  Request& request_;
  ChangePrinter printer_;
  Session& session_;
  absl::Status status_;
  int64_t count_ = 0;
};

// A refusal of the position in the file, with what to do about the file.
absl::Status WithAdvice(const absl::Status& status, const FollowFile* file) {
  const std::string reason = ReasonOf(status);
  if (file == nullptr || file->token().empty() ||
      (!absl::StartsWith(reason, "RESUME_TOKEN_") && reason != "POSITION_IN_FUTURE")) {
    return status;
  }
  const bool other = reason == "RESUME_TOKEN_OTHER_REQUEST";
  absl::Status advice(
      status.code(),
      absl::StrCat("the position in ", file->path(),
                   other
                       ? " is of another request, which this one cannot take up: name another file"
                       : " is of no use: delete the file to start over with a snapshot",
                   "; ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& payload) { advice.SetPayload(type, payload); });
  return advice;
}

void SayHowToResume(const ResourceClient::Watch& watch, const WatchOptions& options,
                    Session& session) {
  const std::string token = GetString(*watch.request(), "resume_token");
  if (token.empty() || token == options.resume_token) return;
  session.err.Write(absl::StrCat(
      "tributary watch: to go on after the last change shown, add --from=", token, "\n"));
  session.err.Flush();
}

absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  const absl::StatusOr<std::vector<const ResourceModel*>> models = ReadModels(arguments);
  if (!models.ok()) return models.status();
  absl::StatusOr<Request> request = ReadRequest(arguments);
  if (!request.ok()) return request.status();
  // Before gRPC starts threads, which would else take the signals.
  Interrupt interrupt;
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(arguments);
  if (!channel.ok()) return channel.status();
  const Scope scope = ReadScope(arguments);
  request->options.on_retry = [&](const absl::Status& status, absl::Duration wait) {
    session.err.Write(absl::StrCat("tributary watch: ", RetryText(status, wait), "\n"));
    session.err.Flush();
  };
  const auto watch = StartWatch(*channel, *models, scope, request->options);
  interrupt.OnSignal([&] { watch->Cancel(); });
  ChangePrinter printer(models->size() == 1 ? models->front() : nullptr, scope, request->format,
                        request->show_changes, session.out);
  Viewer viewer(*request, std::move(printer), session);
  bool more = true;
  while (more) {
    const std::optional<MessagePtr> response = watch->Next();
    if (!response.has_value()) break;
    more = viewer.Show(**response);
  }
  interrupt.OnSignal(nullptr);
  if (!viewer.status().ok()) return viewer.status();
  if (!more || watch->status().ok()) return kExitOk;
  if (request->follow_file == nullptr) SayHowToResume(*watch, request->options, session);
  if (interrupt.signal() != 0) return 128 + interrupt.signal();
  return WithAdvice(watch->status(), request->follow_file.get());
}

}  // namespace

Verb WatchVerb() {
  return {
      .name = "watch",
      .synopsis = "MODEL...|all",
      .summary = "follows the changes of a model, or of several",
      .description =
          "First shows what there is (--from=snapshot), then each change as it is committed. A "
          "lost\n"
          "connection is made again, and the watch goes on at the next change. Ctrl-C ends it; the "
          "token\n"
          "that it prints then takes up from there. --follow_file keeps the token in a file by "
          "itself, after\n"
          "what was shown is written: the next run with that file goes on with the next change. A "
          "run that\n"
          "is killed in between shows its last changes again and leaves none out.\n\n"
          "With a filter, entered and left tell that a change has moved a resource in or out; a "
          "filter of\n"
          "changes, 'changed(stage) AND stage = won', needs --from=now, beginning or a token. A * "
          "marks a\n"
          "change that stands for several, whose history is gone. docs/filters.md has the "
          "language.\n\n"
          "The changes of several models, or of all, come in the one order in which they were "
          "committed; a\n"
          "filter then speaks of what all models have.",
      .examples =
          {"tributary watch opportunities --connector=hubspot --owner=acme",
           "tributary watch contacts --from=now --output=jsonl | jq .resource.id",
           "tributary watch opportunities --filter='stage = won' --show_changes",
           "tributary watch contacts --follow_file=contacts.token --output=jsonl >> contacts",
           "tributary watch opportunities stages --from=now --show_changes",
           "tributary watch all --from=beginning --stop_at_head --output=source"},
      .flags = Concat(
          {ScopeFlags(),
           {OutputFlag("table, json, jsonl or source (webhook bodies)"),
            {.name = "filter", .value = "FILTER", .help = "which ones"},
            {.name = "from",
             .value = "POSITION",
             .help = "snapshot, now, beginning or a resume token",
             .fallback = "snapshot"},
            {.name = "after_revision", .value = "N", .help = "begin after this revision instead"},
            {.name = "follow_file",
             .value = "FILE",
             .help = "go on where FILE says, if it is there, and keep the position in it"},
            {.name = "show_changes",
             .help = "a line for each change: old → new; in JSON, with the state before"},
            {.name = "stop_at_head", .help = "end at what is the newest change at the start"},
            {.name = "include_previous", .help = "in JSON, with the state before each change"},
            ViewFlag(),
            {.name = "limit",
             .value = "N",
             .help = "end after so many changes; 0 is never",
             .fallback = "0",
             .letter = 'n'},
            {.name = "bookmarks", .help = "in JSON, also a line with each new position"},
            {.name = "heartbeat",
             .value = "DURATION",
             .help = "silence for twice as long is a lost connection",
             .fallback = "15s"},
            {.name = "retry_for",
             .value = "DURATION",
             .help = "how long to try to get a lost connection back",
             .fallback = "5m"}},
           ServerFlags()}),
      .run = Run};
}

}  // namespace tributary::command
