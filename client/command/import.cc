// Events from a file into the server: what `export` wrote, or bodies of webhooks.

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/command/connection.h"
#include "client/command/import_line.h"
#include "client/command/interrupt.h"
#include "client/command/json.h"
#include "client/command/line_reader.h"
#include "client/command/printer.h"
#include "client/command/progress.h"
#include "client/command/text.h"
#include "client/command/totals.h"
#include "client/command/verbs.h"
#include "client/command/verdict.h"
#include "client/field_definitions.h"
#include "client/ingest_client.h"

namespace tributary::command {
namespace {

using custom::v1::FieldDefinition;
using ingest::v1::Event;
using ingest::v1::EventResult;

// A resource is at most 1.25 MiB encoded; as JSON it takes rarely twice as much.
constexpr size_t kLineBytesMax = 4 << 20;

constexpr char kBroken[] = "BROKEN";      // no line that can be sent
constexpr char kRejected[] = "REJECTED";  // a verdict, or a definition that is refused
constexpr char kDeclared[] = "DECLARED";  // a definition of a custom field
constexpr char kSkipped[] = "SKIPPED";    // one that values discover by themselves

struct Request {
  std::string file;
  bool as_table = true;
  Scope scope;
  CallOptions calls;
};

absl::StatusOr<Request> ReadRequest(const Arguments& arguments) {
  if (arguments.words().size() < 2) return UsageError("which file? - is standard input");
  if (arguments.words().size() > 2) {
    return UsageError(absl::StrCat("unexpected \"", arguments.words()[2], "\""));
  }
  const absl::StatusOr<Format> format = ParseFormat(arguments.Text("output"));
  if (!format.ok()) return format.status();
  if (*format != Format::kTable && *format != Format::kJsonl) {
    return UsageError("--output: wants table or jsonl");
  }
  const absl::StatusOr<CallOptions> calls = ReadCallOptions(arguments);
  if (!calls.ok()) return calls.status();
  return Request{arguments.words()[1], *format == Format::kTable, ReadScope(arguments), *calls};
}

// Sends line after line, and tells what became of them.
class Importer {
 public:
  Importer(const Request& request, std::shared_ptr<grpc::Channel> channel, int64_t total_bytes,
           Session& session)
      : request_(request),
        session_(session),
        channel_(std::move(channel)),
        progress_(session.err, "import", "lines", total_bytes),
        client_(channel_, [this](const Event&, const EventResult& result) { Take(result); },
                {.on_retry = [this](const absl::Status& status, absl::Duration wait) {
                  progress_.Say(absl::StrCat("tributary import: ", RetryText(status, wait)));
                }}) {}

  void Cancel() { client_.Cancel(); }

  absl::Status Run(std::istream& in) {
    LineReader lines(in, kLineBytesMax);
    while (lines.Next() && !session_.out.closed()) {
      if (absl::Status status = TakeLine(lines); !status.ok()) return status;
      progress_.Update(lines.number(), lines.bytes());
      // Who waits for the next line, as of a watch, has what was sent stored meanwhile.
      if (lines.has_more()) continue;
      if (absl::Status status = client_.Flush(); !status.ok()) return status;
      session_.out.Flush();
    }
    return client_.Finish();
  }

  // The last line of a run, however it ended.
  void SayTotals() {
    progress_.Wipe();
    const std::string text = absl::StrCat(totals_.all(), totals_.all() == 1 ? " line" : " lines",
                                          totals_.all() == 0 ? "" : ": ", totals_.Text(), "\n");
    (request_.as_table ? session_.out : session_.err).Write(text);
    session_.out.Flush();
    session_.err.Flush();
  }

  bool all_taken() const { return totals_.Of(kBroken) == 0 && totals_.Of(kRejected) == 0; }

 private:
  absl::Status TakeLine(const LineReader& lines) {
    if (lines.too_long()) {
      Refuse(lines.number(), kBroken, absl::StrCat("is longer than ", kLineBytesMax, " bytes"));
      return absl::OkStatus();
    }
    if (absl::StripAsciiWhitespace(lines.line()).empty()) return absl::OkStatus();
    absl::StatusOr<Event> event = ReadImportLine(lines.line(), request_.scope);
    if (!event.ok()) {
      Refuse(lines.number(), kBroken, std::string(event.status().message()));
      return absl::OkStatus();
    }
    if (event->resource().has_field_definition()) return TakeDefinition(lines.number(), *event);
    event->set_client_ref(absl::StrCat(lines.number()));
    if (event->ByteSizeLong() > IngestClient::kEventBytesMax) {
      Refuse(lines.number(), kBroken,
             absl::StrCat("takes more than ", IngestClient::kEventBytesMax, " bytes"));
      return absl::OkStatus();
    }
    return client_.Send(*std::move(event));
  }

  // A definition is made by the server: one that was declared is declared again, others are
  // discovered again by the values of their fields.
  absl::Status TakeDefinition(int64_t line, const Event& event) {
    FieldDefinition definition = event.resource().field_definition();
    definition.set_connector_id(event.connector_id());
    definition.set_owner_id(event.owner_id());
    const bool declared = definition.fields().origin() == FieldDefinition::Fields::ORIGIN_DECLARED;
    absl::Status status;
    if (event.trigger() == "deleted") {
      status = DeleteField(channel_, definition, request_.calls);
    } else if (declared) {
      status = DeclareField(channel_, definition, request_.calls);
    } else {
      totals_.Count(kSkipped);
      return status;
    }
    if (status.code() == absl::StatusCode::kInvalidArgument) {
      Refuse(line, kRejected, std::string(status.message()));
      return absl::OkStatus();
    }
    if (status.ok()) totals_.Count(kDeclared);
    return status;
  }

  void Take(const EventResult& result) {
    const std::string verdict = VerdictText(result.verdict());
    totals_.Count(verdict);
    if (!request_.as_table) session_.out.Write(ProtoJson(result, Layout::kOneLine) + "\n");
    if (!result.has_problem()) return;
    Tell(result.client_ref(), verdict,
         absl::StrCat(result.problem().detail(), result.delivery_id().empty() ? "" : "  delivery ",
                      result.delivery_id()));
  }

  void Refuse(int64_t line, const std::string& what, const std::string& why) {
    totals_.Count(what);
    Tell(absl::StrCat(line), what, why);
  }

  void Tell(const std::string& line, const std::string& what, const std::string& why) {
    progress_.Say(absl::StrCat("line ", line, ": ", what, "  ", OneLine(why)));
  }

  const Request& request_;
  Session& session_;
  const std::shared_ptr<grpc::Channel> channel_;
  Progress progress_;
  Totals totals_;
  IngestClient client_;
};

absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  const absl::StatusOr<Request> request = ReadRequest(arguments);
  if (!request.ok()) return request.status();
  std::ifstream file;
  std::error_code none;
  const bool from_file = request->file != "-";
  if (from_file) {
    file.open(request->file, std::ios::binary);
    if (!file || std::filesystem::is_directory(request->file, none)) {
      return absl::UnknownError(absl::StrCat("cannot read ", request->file));
    }
  }
  const uintmax_t bytes = from_file ? std::filesystem::file_size(request->file, none) : 0;
  // Before gRPC starts threads, which would else take the signals.
  Interrupt interrupt;
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = OpenChannel(arguments);
  if (!channel.ok()) return channel.status();
  Importer importer(*request, *channel, none ? 0 : static_cast<int64_t>(bytes), session);
  interrupt.OnSignal([&] { importer.Cancel(); });
  const absl::Status status = importer.Run(from_file ? file : session.in);
  interrupt.OnSignal(nullptr);
  importer.SayTotals();
  if (interrupt.signal() != 0) return 128 + interrupt.signal();
  if (!status.ok()) return status;
  return importer.all_taken() ? kExitOk : kExitRefused;
}

}  // namespace

Verb ImportVerb() {
  return {.name = "import",
          .synopsis = "FILE|-",
          .summary = "stores events, one on each line",
          .description =
              "A line is what `tributary export` writes, or the body of a webhook, beside whose "
              "event and\n"
              "data may stand connectorId, ownerId and idempotencyKey; else --connector and "
              "--owner say whose it\n"
              "is, and a hash of the line is the key. Run it again after whatever ended it: what "
              "is in changes\n"
              "nothing. A line that is refused is told of with its number, and the rest goes on; "
              "the exit code\n"
              "is then 5. docs/imports.md says more.",
          .examples = {"tributary import acme.jsonl",
                       "tributary import webhooks.jsonl --connector=hubspot --owner=acme",
                       "tributary export all --owner=acme --follow | "
                       "tributary import - --address=standby:50051"},
          .flags = Concat({ScopeFlags(),
                           {OutputFlag("table (totals) or jsonl (a result for each line)")},
                           ServerFlags()}),
          .run = Run};
}

}  // namespace tributary::command
