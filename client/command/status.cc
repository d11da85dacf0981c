#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/command/connection.h"
#include "client/command/json.h"
#include "client/command/printer.h"
#include "client/command/source_json.h"
#include "client/command/table.h"
#include "client/command/verbs.h"
#include "tributary/v1/server.pb.h"

namespace tributary::command {
namespace {

absl::StatusOr<v1::GetServerInfoResponse> Ask(const Arguments& arguments) {
  const absl::StatusOr<CallOptions> options = ReadCallOptions(arguments);
  if (!options.ok()) return options.status();
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(arguments);
  if (!channel.ok()) return channel.status();
  return AskServer(*channel, *options);
}

absl::StatusOr<Format> ReadJsonOrTable(const Arguments& arguments) {
  const absl::StatusOr<Format> format = ParseFormat(arguments.Text("output"));
  if (format.ok() && *format == Format::kSource) {
    return UsageError("--output=source: wants table, json or jsonl");
  }
  return format;
}

absl::StatusOr<int> RunStatus(const Arguments& arguments, Session& session) {
  const absl::StatusOr<Format> format = ReadJsonOrTable(arguments);
  if (!format.ok()) return format.status();
  const absl::StatusOr<v1::GetServerInfoResponse> info = Ask(arguments);
  if (!info.ok()) return info.status();
  if (*format != Format::kTable) {
    session.out.Write(
        ProtoJson(*info, *format == Format::kJson ? Layout::kIndented : Layout::kOneLine));
    session.out.Write("\n");
    return kExitOk;
  }
  const std::pair<const char*, std::string> lines[] = {
      {"address", arguments.Text("address")},
      {"version", info->version()},
      {"store", info->store_id()},
      {"head revision", absl::StrCat(info->head_revision())},
      {"each change kept after revision", absl::StrCat(info->oldest_revision())},
      {"watches can resume after revision", absl::StrCat(info->oldest_resumable_revision())},
      {"models", absl::StrJoin(info->models(), ", ")},
      {"features", absl::StrJoin(info->features(), ", ")},
      {"server time", TimeText(info->server_time())}};
  for (const auto& [name, value] : lines) {
    if (!value.empty()) session.out.Write(absl::StrCat(name, ": ", value, "\n"));
  }
  return kExitOk;
}

absl::StatusOr<int> RunModels(const Arguments& arguments, Session& session) {
  const absl::StatusOr<Format> format = ReadJsonOrTable(arguments);
  if (!format.ok()) return format.status();
  Table table({{"MODEL"}, {"NAMES"}, {"SERVICE"}}, session.out.width());
  for (const ResourceModel& model : ResourceModel::All()) {
    const std::string names = absl::StrCat(model.singular(), ", ", model.plural());
    if (*format == Format::kTable) {
      table.Add({model.id(), names, model.service().full_name()});
      continue;
    }
    JsonWriter json(Layout::kOneLine);
    json.BeginObject();
    for (const auto& [key, value] : {std::pair<const char*, std::string>{"model", model.id()},
                                     {"singular", model.singular()},
                                     {"plural", model.plural()},
                                     {"message", model.message().full_name()},
                                     {"service", model.service().full_name()}}) {
      json.Key(key);
      json.String(value);
    }
    json.EndObject();
    session.out.Write(json.Take() + "\n");
  }
  session.out.Write(table.Render());
  return kExitOk;
}

}  // namespace

Verb StatusVerb() {
  return {.name = "status",
          .synopsis = "",
          .summary = "says what the server holds and how far back",
          .description = "",
          .examples = {"tributary status", "tributary status --output=json | jq -r .headRevision"},
          .flags = Concat({{OutputFlag("table, json or jsonl")}, ServerFlags()}),
          .run = RunStatus};
}

Verb ModelsVerb() {
  return {.name = "models",
          .synopsis = "",
          .summary = "lists the models and their names",
          .description = "What this command knows; it asks no server.",
          .examples = {"tributary models"},
          .flags = {OutputFlag("table, json or jsonl")},
          .run = RunModels};
}

}  // namespace tributary::command
