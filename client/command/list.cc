#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/command/connection.h"
#include "client/command/printer.h"
#include "client/command/verbs.h"

namespace tributary::command {
namespace {

struct Request {
  Format format;
  ListOptions options;
  int64_t limit;  // 0: all
};

absl::StatusOr<Request> ReadRequest(const Arguments& arguments) {
  if (arguments.words().size() > 2) {
    return UsageError(absl::StrCat("unexpected \"", arguments.words()[2], "\""));
  }
  const absl::StatusOr<Format> format = ParseFormat(arguments.Text("output"));
  if (!format.ok()) return format.status();
  absl::StatusOr<ReadOptions> read = ReadReadOptions(arguments);
  if (!read.ok()) return read.status();
  const absl::StatusOr<int> page_size = arguments.Value<int>("page_size");
  if (!page_size.ok()) return page_size.status();
  const absl::StatusOr<int64_t> limit = arguments.Value<int64_t>("limit");
  if (!limit.ok()) return limit.status();
  if (*limit < 0) return UsageError("--limit must not be negative");
  Request request{*format, {}, *limit};
  request.options.view = read->view;
  request.options.read_revision = read->read_revision;
  request.options.expand = std::move(read->expand);
  request.options.filter = arguments.Text("filter");
  request.options.order_by = arguments.Text("order_by");
  request.options.page_size = *page_size;
  return request;
}

// Page by page, so that what is there shows at once and memory holds one page.
absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  absl::StatusOr<Request> request = ReadRequest(arguments);
  if (!request.ok()) return request.status();
  const absl::StatusOr<ResourceClient> client = OpenClient(arguments);
  if (!client.ok()) return client.status();
  ResourcePrinter printer(client->model(), ReadScope(arguments), request->format, session.out);
  int64_t count = 0;
  int64_t revision = 0;
  const auto wanted = [&] { return request->limit == 0 || count < request->limit; };
  do {
    if (request->limit > 0) {
      const int64_t left = std::min<int64_t>(request->limit - count, 1000);
      if (request->options.page_size == 0 || request->options.page_size > left) {
        request->options.page_size = static_cast<int>(left);
      }
    }
    const absl::StatusOr<ItemPage<MessagePtr>> page = client->ListPage(request->options);
    if (!page.ok()) return page.status();
    for (const MessagePtr& resource : page->items) {
      if (!wanted()) break;
      printer.Print(*resource);
      ++count;
    }
    printer.Flush();
    request->options.page_token = page->next_page_token;
    revision = page->revision;
  } while (!request->options.page_token.empty() && wanted() && !session.out.closed());
  printer.Finish();
  if (request->format == Format::kTable) {
    session.Note(absl::StrCat(
        count, " ", count == 1 ? client->model().singular() : client->model().plural(),
        " at revision ", revision, request->options.page_token.empty() ? "" : "; there are more"));
  }
  return kExitOk;
}

}  // namespace

Verb ListVerb() {
  return {.name = "list",
          .synopsis = "MODEL",
          .summary = "lists the resources of a model",
          .description =
              "Without --connector or --owner, those of all of them. All pages show one revision, "
              "whatever\n"
              "is written meanwhile. docs/filters.md has the language of --filter; text in it "
              "stands in\n"
              "quotes where it is not a word: 'name = \"Big deal\"'.",
          .examples = {"tributary list opportunities --connector=hubspot --owner=acme",
                       "tributary list contacts --owner=acme --output=jsonl | wc -l",
                       "tributary list opportunities --filter='stage = won AND amount > 10000' "
                       "--order_by='amount desc' --limit=10",
                       "tributary list opportunities --expand=stage,owner --at=1200"},
          .flags = Concat({ScopeFlags(),
                           {OutputFlag("table, json, jsonl or source"),
                            {.name = "filter", .value = "FILTER", .help = "which ones"},
                            {.name = "order_by",
                             .value = "FIELD",
                             .help = "in which order: updated_at, 'amount desc'"}},
                           ReadFlags(),
                           {{.name = "limit",
                             .value = "N",
                             .help = "at most so many; 0 is all",
                             .fallback = "0",
                             .letter = 'n'},
                            {.name = "page_size",
                             .value = "N",
                             .help = "resources per call; 0 leaves it to the server",
                             .fallback = "0"}},
                           ServerFlags()}),
          .run = Run};
}

}  // namespace tributary::command
