#include "absl/strings/str_cat.h"
#include "client/command/connection.h"
#include "client/command/printer.h"
#include "client/command/verbs.h"

namespace tributary::command {
namespace {

absl::StatusOr<int> GetOne(const ResourceClient& client, const std::string& id,
                           const ReadOptions& options, Format format, Session& session) {
  const absl::StatusOr<MessagePtr> resource = client.Get(id, options);
  if (!resource.ok()) return resource.status();
  PrintResource(**resource, format, session.out);
  return kExitOk;
}

absl::StatusOr<int> GetMany(const ResourceClient& client, const Scope& scope,
                            const std::vector<std::string>& ids, const ReadOptions& options,
                            Format format, Session& session) {
  const absl::StatusOr<Batch<MessagePtr>> batch = client.BatchGet(ids, options);
  if (!batch.ok()) return batch.status();
  ResourcePrinter printer(client.model(), scope, format, session.out);
  for (const MessagePtr& resource : batch->items) printer.Print(*resource);
  printer.Finish();
  for (const std::string& id : batch->missing_ids) {
    session.err.Write(
        absl::StrCat("tributary get: ", client.model().id(), " \"", id, "\" not found\n"));
  }
  session.err.Flush();
  return batch->missing_ids.empty() ? kExitOk : kExitNotFound;
}

absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  const absl::StatusOr<Format> format = ParseFormat(arguments.Text("output"));
  if (!format.ok()) return format.status();
  const absl::StatusOr<ReadOptions> options = ReadReadOptions(arguments);
  if (!options.ok()) return options.status();
  const absl::StatusOr<ResourceClient> client = OpenClient(arguments);
  if (!client.ok()) return client.status();
  const Scope scope = ReadScope(arguments);
  if (scope.connector_id.empty())
    return UsageError("--connector is needed (or TRIBUTARY_CONNECTOR)");
  if (scope.owner_id.empty()) return UsageError("--owner is needed (or TRIBUTARY_OWNER)");
  const std::vector<std::string> ids(arguments.words().begin() + 2, arguments.words().end());
  if (ids.empty()) return UsageError("which id?");
  if (ids.size() == 1) return GetOne(*client, ids[0], *options, *format, session);
  return GetMany(*client, scope, ids, *options, *format, session);
}

}  // namespace

Verb GetVerb() {
  return {
      .name = "get",
      .synopsis = "MODEL ID...",
      .summary = "shows a resource, or several",
      .description =
          "One resource is shown whole, a field per line; several as a list, in the order asked "
          "for.\n"
          "--output=source prints the source's own JSON, as its webhook carried it.",
      .examples = {"tributary get opportunity 31190045522 --connector=hubspot --owner=acme",
                   "tributary get contact 20451188301 --output=json | jq .fields.email",
                   "tributary get opportunity 31190045522 --expand=stage,contacts --at=1200",
                   "tributary get call 2411807733 --output=source --view=full"},
      .flags = Concat(
          {ScopeFlags(), {OutputFlag("table, json, jsonl or source")}, ReadFlags(), ServerFlags()}),
      .run = Run};
}

}  // namespace tributary::command
