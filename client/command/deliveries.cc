// The ledger of the server: what arrived, what became of it, and what to do about it.

#include <algorithm>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/connection.h"
#include "client/command/json.h"
#include "client/command/printer.h"
#include "client/command/source_json.h"
#include "client/command/table.h"
#include "client/command/text.h"
#include "client/command/verbs.h"
#include "client/command/verdict.h"
#include "client/rpc.h"
#include "tributary/ingest/v1/delivery.pb.h"

namespace tributary::command {
namespace {

namespace proto = ingest::v1;

constexpr int kPageSizeMax = 1000;

// What the flags ask for, and the way to the server.
class Ledger {
 public:
  static absl::StatusOr<Ledger> Open(const Arguments& arguments) {
    const absl::StatusOr<Format> format = ParseFormat(arguments.Text("output"));
    if (!format.ok()) return format.status();
    if (*format == Format::kSource)
      return UsageError("--output=source: wants table, json or jsonl");
    const absl::StatusOr<CallOptions> options = ReadCallOptions(arguments);
    if (!options.ok()) return options.status();
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(arguments);
    if (!channel.ok()) return channel.status();
    return Ledger(*std::move(channel), *options, *format);
  }

  template <typename Request, typename Response>
  absl::Status Call(const std::string& method, const Request& request, Response& response) const {
    return CallUnary(channel_, "/tributary.ingest.v1.DeliveryService/" + method, request, options_,
                     response);
  }

  bool as_table() const { return format_ == Format::kTable; }
  std::string Json(const google::protobuf::Message& message) const {
    return ProtoJson(message, format_ == Format::kJson ? Layout::kIndented : Layout::kOneLine) +
           "\n";
  }

 private:
  Ledger(std::shared_ptr<grpc::Channel> channel, const CallOptions& options, Format format)
      : channel_(std::move(channel)), options_(options), format_(format) {}

  std::shared_ptr<grpc::Channel> channel_;
  CallOptions options_;
  Format format_;
};

absl::StatusOr<std::string> NeededFilter(const Arguments& arguments) {
  const std::string filter = arguments.Text("filter");
  if (!filter.empty()) return filter;
  return UsageError("which deliveries? --filter='verdict = PARKED', say; --filter='id = *' is all");
}

absl::StatusOr<int> RunList(const Arguments& arguments, const Ledger& ledger, Session& session) {
  const absl::StatusOr<int64_t> limit = arguments.Value<int64_t>("limit");
  if (!limit.ok()) return limit.status();
  if (*limit < 0) return UsageError("--limit must not be negative");
  Table table({{"ID", 8, false, true},
               {"RECEIVED", 20},
               {"VERDICT", 10},
               {"REVISION", 8, false, true},
               {"EVENT", 12},
               {"RESOURCE", 8},
               {"CONNECTOR", 8, true},
               {"OWNER", 8, true},
               {"PROBLEM", 12}},
              session.out.width());
  proto::ListDeliveriesRequest request;
  request.set_filter(arguments.Text("filter"));
  int64_t count = 0;
  do {
    const int64_t left = *limit == 0 ? kPageSizeMax : *limit - count;
    request.set_page_size(static_cast<int>(std::min<int64_t>(left, kPageSizeMax)));
    proto::ListDeliveriesResponse page;
    const absl::Status status = ledger.Call("ListDeliveries", request, page);
    if (!status.ok()) return status;
    for (const proto::Delivery& delivery : page.deliveries()) {
      ++count;
      if (!ledger.as_table()) {
        session.out.Write(ledger.Json(delivery));
        continue;
      }
      const int64_t revision = delivery.revision();
      table.Add({delivery.id(), TimeText(delivery.received_at()), VerdictText(delivery.verdict()),
                 revision == 0 ? "" : absl::StrCat(revision), delivery.event(),
                 delivery.resource_id(), delivery.connector_id(), delivery.owner_id(),
                 delivery.problem()});
    }
    session.out.Write(table.Render());
    session.out.Flush();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && (*limit == 0 || count < *limit) &&
           !session.out.closed());
  if (!request.page_token().empty()) session.Note("there are more: --limit=0 shows all");
  return kExitOk;
}

absl::StatusOr<int> RunShow(const Arguments& arguments, const Ledger& ledger, Session& session) {
  if (arguments.words().size() < 3) return UsageError("which delivery? its id, as `list` shows it");
  for (size_t i = 2; i < arguments.words().size(); ++i) {
    proto::GetDeliveryRequest request;
    request.set_id(arguments.words()[i]);
    proto::Delivery delivery;
    const absl::Status status = ledger.Call("GetDelivery", request, delivery);
    if (!status.ok()) return status;
    if (!ledger.as_table()) {
      session.out.Write(ledger.Json(delivery));
      continue;
    }
    const std::string body = std::move(*delivery.mutable_body());
    delivery.clear_body();
    PrintResource(delivery, Format::kTable, session.out);
    session.out.Write(delivery.has_body() ? absl::StrCat("\n", body, "\n")
                                          : "\nIts body was not kept (--ledger_bodies).\n");
  }
  return kExitOk;
}

absl::StatusOr<int> RunReplay(const Arguments& arguments, const Ledger& ledger, Session& session) {
  const absl::StatusOr<std::string> filter = NeededFilter(arguments);
  if (!filter.ok()) return filter.status();
  proto::ReplayDeliveriesRequest request;
  request.set_filter(*filter);
  request.set_dry_run(arguments.IsOn("dry_run"));
  Table table({{"ID", 8, false, true},
               {"BEFORE", 10},
               {"AFTER", 10},
               {"REVISION", 8, false, true},
               {"PROBLEM", 12}},
              session.out.width());
  std::map<std::string, int64_t> totals;
  int64_t skipped = 0;
  do {
    proto::ReplayDeliveriesResponse page;
    const absl::Status status = ledger.Call("ReplayDeliveries", request, page);
    if (!status.ok()) return status;
    for (const auto& replay : page.replays()) {
      ++totals[VerdictText(replay.before()) + " -> " + VerdictText(replay.after())];
      if (!ledger.as_table()) {
        session.out.Write(ledger.Json(replay));
        continue;
      }
      const int64_t revision = replay.revision();
      table.Add({replay.delivery_id(), VerdictText(replay.before()), VerdictText(replay.after()),
                 revision == 0 ? "" : absl::StrCat(revision), replay.problem()});
    }
    skipped += page.skipped_without_body();
    session.out.Write(table.Render());
    session.out.Flush();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  std::string text;
  for (const auto& [what, count] : totals) absl::StrAppend(&text, what, ": ", count, "\n");
  absl::StrAppend(&text, skipped == 0 ? "" : absl::StrCat("without a body: ", skipped, "\n"),
                  request.dry_run() ? "A dry run: nothing was changed.\n" : "");
  (ledger.as_table() ? session.out : session.err).Write(text);
  session.err.Flush();
  return kExitOk;
}

absl::StatusOr<proto::PurgeDeliveriesResponse> Purge(const Ledger& ledger,
                                                     const std::string& filter, bool dry_run) {
  proto::PurgeDeliveriesRequest request;
  request.set_filter(filter);
  request.set_dry_run(dry_run);
  proto::PurgeDeliveriesResponse all;
  do {
    proto::PurgeDeliveriesResponse page;
    const absl::Status status = ledger.Call("PurgeDeliveries", request, page);
    if (!status.ok()) return status;
    all.set_purged_count(all.purged_count() + page.purged_count());
    all.set_kept_count(all.kept_count() + page.kept_count());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<int> RunPurge(const Arguments& arguments, const Ledger& ledger, Session& session) {
  const absl::StatusOr<std::string> filter = NeededFilter(arguments);
  if (!filter.ok()) return filter.status();
  const bool dry_run = arguments.IsOn("dry_run");
  if (!dry_run && !arguments.IsOn("yes")) {
    const absl::StatusOr<proto::PurgeDeliveriesResponse> wanted = Purge(ledger, *filter, true);
    if (!wanted.ok()) return wanted.status();
    session.err.Write(absl::StrCat("Take ", wanted->purged_count(),
                                   " deliveries off the record, for good? [y/N] "));
    session.err.Flush();
    std::string answer;
    std::getline(session.in, answer);
    if (answer != "y" && answer != "yes") {
      return absl::CancelledError("nothing was purged; --yes asks no question");
    }
  }
  const absl::StatusOr<proto::PurgeDeliveriesResponse> purged = Purge(ledger, *filter, dry_run);
  if (!purged.ok()) return purged.status();
  if (!ledger.as_table()) {
    session.out.Write(ledger.Json(*purged));
    return kExitOk;
  }
  session.out.Write(
      absl::StrCat(dry_run ? "would be purged: " : "purged: ", purged->purged_count(), "\n"));
  if (purged->kept_count() > 0) {
    session.out.Write(
        absl::StrCat("kept, as changes in the history: ", purged->kept_count(), "\n"));
  }
  return kExitOk;
}

absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  const std::string what = arguments.words().size() < 2 ? "" : arguments.words()[1];
  const auto run = what == "list"     ? RunList
                   : what == "show"   ? RunShow
                   : what == "replay" ? RunReplay
                   : what == "purge"  ? RunPurge
                                      : nullptr;
  if (run == nullptr) {
    return UsageError(absl::StrCat(what.empty() ? "what with them?" : "unknown ", what,
                                   " wants list, show, replay or purge"));
  }
  if (run != RunShow && arguments.words().size() > 2) {
    return UsageError(absl::StrCat("unexpected \"", arguments.words()[2], "\""));
  }
  const absl::StatusOr<Ledger> ledger = Ledger::Open(arguments);
  if (!ledger.ok()) return ledger.status();
  return run(arguments, *ledger, session);
}

}  // namespace

Verb DeliveriesVerb() {
  return {
      .name = "deliveries",
      .synopsis = "list|show|replay|purge",
      .summary = "what arrived, and what became of it",
      .description =
          "list    the newest first; --filter by any field that show prints\n"
          "show    one or some, by id, with the body if that was kept\n"
          "replay  judges them again, by today's rules: what was accepted changes nothing, what "
          "was\n"
          "        parked or rejected makes what was missing; never over anything newer\n"
          "purge   takes them off the record, for good; states and history stay",
      .examples = {"tributary deliveries list --filter='verdict = REJECTED AND owner_id = acme'",
                   "tributary deliveries show 42",
                   "tributary deliveries replay --filter='verdict = PARKED' --dry_run",
                   "tributary deliveries purge --filter='verdict = REJECTED' --yes"},
      .flags = Concat({{{.name = "filter", .value = "FILTER", .help = "which ones"},
                        {.name = "limit",
                         .value = "N",
                         .help = "list at most so many; 0 is all",
                         .fallback = "50",
                         .letter = 'n'},
                        {.name = "dry_run", .help = "say what would be, and change nothing"},
                        {.name = "yes", .help = "purge without a question", .letter = 'y'},
                        OutputFlag("table, json or jsonl")},
                       ServerFlags()}),
      .run = Run};
}

}  // namespace tributary::command
