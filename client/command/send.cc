#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/command/connection.h"
#include "client/command/json.h"
#include "client/command/printer.h"
#include "client/command/text.h"
#include "client/command/totals.h"
#include "client/command/verbs.h"
#include "client/command/webhook.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace tributary::command {
namespace {

using google::protobuf::Struct;

absl::StatusOr<std::string> ReadBody(const std::string& file, Session& session) {
  std::ostringstream text;
  if (file == "-") {
    text << session.in.rdbuf();
    return text.str();
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return absl::UnknownError(absl::StrCat("cannot read ", file));
  text << stream.rdbuf();
  if (stream.bad()) return absl::UnknownError(absl::StrCat("cannot read ", file));
  return text.str();
}

absl::StatusOr<std::vector<std::string>> ReadBodies(const Arguments& arguments, Session& session) {
  if (arguments.words().size() < 2) return UsageError("which file? - is standard input");
  std::vector<std::string> bodies;
  for (size_t i = 1; i < arguments.words().size(); ++i) {
    absl::StatusOr<std::string> body = ReadBody(arguments.words()[i], session);
    if (!body.ok()) return body.status();
    if (!arguments.IsOn("lines")) {
      bodies.push_back(*std::move(body));
      continue;
    }
    std::istringstream lines(*body);
    for (std::string line; std::getline(lines, line);) {
      if (!absl::StripAsciiWhitespace(line).empty()) bodies.push_back(line);
    }
  }
  if (bodies.size() > 1 && !arguments.Text("idempotency_key").empty()) {
    return UsageError("one --idempotency_key cannot serve several deliveries");
  }
  return bodies;
}

std::string TextOf(const Struct& json, const std::string& key) {
  const auto found = json.fields().find(key);
  if (found == json.fields().end()) return "";
  const google::protobuf::Value& value = found->second;
  if (value.kind_case() == google::protobuf::Value::kNumberValue)
    return NumberText(value.number_value());
  return value.string_value();
}

// "APPLIED"; of an answer that names none, the status.
std::string VerdictOf(const WebhookResponse& response) {
  Struct answer;
  if (google::protobuf::util::JsonStringToMessage(response.body, &answer).ok()) {
    if (const std::string verdict = TextOf(answer, "verdict"); !verdict.empty()) return verdict;
  }
  return response.verdict.empty() ? absl::StrCat("HTTP ", response.status) : response.verdict;
}

// The answer in a line, and a line per warning or error.
std::string Describe(const WebhookResponse& response) {
  Struct answer;
  if (!google::protobuf::util::JsonStringToMessage(response.body, &answer).ok()) answer.Clear();
  std::string text = TextOf(answer, "verdict");
  if (text.empty()) text = TextOf(answer, "detail");
  if (text.empty()) text = response.verdict;
  if (text.empty()) text = TextOf(answer, "title");
  if (text.empty()) text = absl::StrCat("HTTP ", response.status);
  if (const std::string revision = TextOf(answer, "revision"); !revision.empty()) {
    absl::StrAppend(&text, "  revision ", revision);
  }
  if (!response.delivery_id.empty()) absl::StrAppend(&text, "  delivery ", response.delivery_id);
  text = OneLine(text) + "\n";
  for (const char* list : {"warnings", "errors"}) {
    const auto found = answer.fields().find(list);
    if (found == answer.fields().end()) continue;
    for (const auto& item : found->second.list_value().values()) {
      const Struct& fault = item.struct_value();
      const std::string field = TextOf(fault, "field");
      const std::string where = field.empty() ? TextOf(fault, "pointer") : field;
      const std::string message = TextOf(fault, "message");
      const std::string what = message.empty() ? TextOf(fault, "detail") : message;
      absl::StrAppend(&text, "  ", OneLine(where), where.empty() ? "" : ": ", OneLine(what), "\n");
    }
  }
  return text;
}

int ExitCodeOfHttp(int status) {
  if (status >= 200 && status < 300) return kExitOk;
  if (status == 503 || status == 429 || status == 502 || status == 504) return kExitUnavailable;
  return status >= 400 && status < 500 ? kExitRefused : kExitError;
}

absl::StatusOr<int> Run(const Arguments& arguments, Session& session) {
  const absl::StatusOr<Format> format = ParseFormat(arguments.Text("output"));
  if (!format.ok()) return format.status();
  const absl::StatusOr<CallOptions> options = ReadCallOptions(arguments);
  if (!options.ok()) return options.status();
  absl::StatusOr<std::vector<std::string>> bodies = ReadBodies(arguments, session);
  if (!bodies.ok()) return bodies.status();
  int code = kExitOk;
  Totals totals;
  for (std::string& body : *bodies) {
    const std::string key = arguments.Text("idempotency_key");
    WebhookRequest request{.address = arguments.Text("http_address"),
                           .path = arguments.Text("webhook_path"),
                           .connector_id = arguments.Text("connector"),
                           .owner_id = arguments.Text("owner"),
                           .idempotency_key = key.empty() ? ContentKey(body) : key,
                           .body = std::move(body)};
    const absl::StatusOr<WebhookResponse> response = PostWebhook(request, options->timeout);
    if (!response.ok()) return response.status();
    if (*format == Format::kTable) {
      session.out.Write(Describe(*response));
    } else {
      session.out.Write(absl::StrCat(absl::StripAsciiWhitespace(response->body), "\n"));
    }
    session.out.Flush();
    totals.Count(VerdictOf(*response));
    // The first failure is the one to know of; after "not now" the rest would fail alike.
    if (code == kExitOk) code = ExitCodeOfHttp(response->status);
    if (code == kExitUnavailable) break;
  }
  if (bodies->size() > 1 && *format == Format::kTable) {
    session.out.Write(
        absl::StrCat(totals.all(), " of ", bodies->size(), " sent: ", totals.Text(), "\n"));
  }
  return code;
}

}  // namespace

Verb SendVerb() {
  return {.name = "send",
          .synopsis = "FILE|-...",
          .summary = "posts webhook bodies, as the source would",
          .description =
              "Prints the verdict of each: APPLIED, UNCHANGED, DUPLICATE, SUPERSEDED, PARKED or "
              "REJECTED.\n"
              "The idempotency key is a hash of the body unless given, so that sending a file "
              "twice is\n"
              "a DUPLICATE. --output=json prints the answers as they came.",
          .examples =
              {"tributary send opportunity.json --connector=hubspot --owner=acme",
               "tributary send - --connector=hubspot --owner=acme < opportunity.json",
               "tributary watch stages --output=source --stop_at_head | tributary send - --lines"},
          .flags = Concat({ScopeFlags(),
                           {{.name = "http_address",
                             .value = "HOST:PORT",
                             .help = "the server's HTTP address",
                             .fallback = "127.0.0.1:8080"},
                            {.name = "webhook_path",
                             .value = "PATH",
                             .help = "where it takes webhooks",
                             .fallback = "/webhooks"},
                            {.name = "idempotency_key",
                             .value = "KEY",
                             .help = "names the delivery (default: a hash of the body)"},
                            {.name = "lines", .help = "each line of the files is a body"},
                            OutputFlag("table or json"),
                            {.name = "timeout",
                             .value = "DURATION",
                             .help = "how long to wait for an answer",
                             .fallback = "10s"}}}),
          .run = Run};
}

}  // namespace tributary::command
