#include "server/ingest/routes.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/limits.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

namespace http = boost::beast::http;
using Values = absl::InlinedVector<std::string_view, 2>;

constexpr size_t kQuotedBytesMax = 128;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

Route Refuse(const Problem& problem) {
  Route route;
  route.refusal = ProblemAnswer(problem);
  return route;
}

Route Refuse(const ProblemType& type, std::string detail) {
  Problem problem;
  problem.type = type;
  problem.detail = std::move(detail);
  return Refuse(problem);
}

// The path of a request target: "/webhooks?x=1" and "http://host/webhooks" both ask for
// "/webhooks".
std::string_view PathOf(std::string_view target) {
  if (const size_t scheme = target.find("://"); scheme != target.npos && !target.starts_with('/')) {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find_first_of("?#"));
}

// All values that the header sends under `names`, each once.
Values ValuesOf(const RequestHeader& request, std::initializer_list<std::string_view> names) {
  Values values;
  for (const std::string_view name : names) {
    // A walk over a handful of fields, which mostly differ in length, is faster than their index.
    for (const auto& field : request) {
      if (!absl::EqualsIgnoreCase(Absl(View(field.name_string())), Absl(name))) continue;
      const std::string_view value = View(field.value());
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
  }
  return values;
}

// Collects what is wrong with the headers that name a webhook, so that the sender learns all of it
// at once.
class NameHeaders {
 public:
  explicit NameHeaders(const RequestHeader& request) : request_(request) {}

  // The one value under `names`, the first of which is how the header is called in problems.
  std::string Read(std::initializer_list<std::string_view> names) {
    const std::string_view name = *names.begin();
    const Values values = ValuesOf(request_, names);
    if (values.empty()) {
      Fail(problem::kHeaderMissing, name, "must be sent with every webhook", "");
    } else if (values.size() > 1) {
      const std::string all = absl::StrJoin(
          names, " or ", [](std::string* out, std::string_view each) { out->append(each); });
      Fail(problem::kHeaderConflict, name,
           absl::StrCat("must have one value, but ", all,
                        " came with another one: ", Clip(values[1], kQuotedBytesMax)),
           values[0]);
    } else if (values[0].empty()) {
      Fail(problem::kHeaderInvalid, name, "must not be empty", "");
    } else if (values[0].size() > limits::kNameBytesMax) {
      Fail(problem::kHeaderInvalid, name,
           absl::StrCat("must have at most ", limits::kNameBytesMax, " bytes, not ",
                        values[0].size()),
           values[0]);
    } else if (!IsCleanUtf8(values[0])) {
      Fail(problem::kHeaderInvalid, name, "must be UTF-8 without control characters", values[0]);
    } else {
      return std::string(values[0]);
    }
    return "";
  }

  const std::optional<Problem>& problem() const { return problem_; }

 private:
  void Fail(const ProblemType& type, std::string_view name, std::string_view rule,
            std::string_view value) {
    if (!problem_.has_value()) {
      problem_.emplace();
      problem_->type = type;
      problem_->detail = value.empty() ? absl::StrCat(Absl(name), ": ", Absl(rule))
                                       : absl::StrCat(Absl(name), " ", Clip(value, kQuotedBytesMax),
                                                      ": ", Absl(rule));
    }
    problem_->faults.push_back(
        {std::string(name), "", std::string(rule), std::string(CutUtf8(value, kQuotedBytesMax))});
  }

  const RequestHeader& request_;
  std::optional<Problem> problem_;
};

// Why the body can't be read as JSON in UTF-8; empty: it can.
std::string ContentFault(const RequestHeader& request) {
  const Values encodings = ValuesOf(request, {"content-encoding"});
  for (const std::string_view encoding : encodings) {
    if (!absl::EqualsIgnoreCase(Absl(encoding), "identity")) {
      return absl::StrCat("content-encoding ", Clip(encoding), ": the body must not be encoded");
    }
  }
  const Values types = ValuesOf(request, {"content-type"});
  if (types.empty()) return "content-type is missing: must be application/json";
  if (types.size() > 1)
    return "content-type was sent with different values: must be application/json";
  if (types[0] == "application/json") return "";
  const std::vector<std::string> parts = absl::StrSplit(Absl(types[0]), ';');
  if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts[0]), "application/json")) {
    return absl::StrCat("content-type ", Clip(types[0]), ": must be application/json");
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::pair<std::string, std::string> parameter =
        absl::StrSplit(absl::StripAsciiWhitespace(parts[i]), absl::MaxSplits('=', 1));
    std::string value = parameter.second;
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (absl::EqualsIgnoreCase(parameter.first, "charset") &&
        !absl::EqualsIgnoreCase(value, "utf-8") && !absl::EqualsIgnoreCase(value, "utf8")) {
      return absl::StrCat("content-type ", Clip(types[0]), ": the charset must be utf-8");
    }
  }
  return "";
}

Route MethodNotAllowed(const RequestHeader& request, std::string_view path, const char* allowed) {
  Route route = Refuse(problem::kMethodNotAllowed,
                       absl::StrCat("method ", Clip(View(request.method_string())), ": ",
                                    Clip(path), " takes ", allowed));
  absl::StrAppend(&route.refusal.headers, "allow: ", allowed, "\r\n");
  return route;
}

Route RouteWebhook(const RequestHeader& request, std::string_view path) {
  if (request.method() != http::verb::post) return MethodNotAllowed(request, path, "POST");
  if (std::string fault = ContentFault(request); !fault.empty()) {
    return Refuse(problem::kContentTypeNotSupported, std::move(fault));
  }
  Route route;
  NameHeaders names(request);
  // The source spells it with one n; its REST API with two.
  route.webhook.connector_id = names.Read({"x-connector-id", "x-conector-id"});
  route.webhook.owner_id = names.Read({"x-owner-id"});
  route.webhook.idempotency_key = names.Read({"x-idempotency-key"});
  if (names.problem().has_value()) return Refuse(*names.problem());
  route.target = Route::Target::kWebhook;
  return route;
}

// How much the header `accept` likes the media type `type`/`subtype`: the q of the range that names
// it most closely, 0 if none does.
double Preference(const std::string& accept, std::string_view type, std::string_view subtype) {
  double preference = 0;
  int closest = -1;
  for (absl::string_view range : absl::StrSplit(accept, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(range, ';');
    const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts[0]));
    const int close = name == absl::StrCat(Absl(type), "/", Absl(subtype)) ? 2
                      : name == absl::StrCat(Absl(type), "/*")             ? 1
                      : name == "*/*"                                      ? 0
                                                                           : -1;
    if (close < 0) continue;
    double q = 1;
    for (size_t i = 1; i < parts.size(); ++i) {
      absl::string_view parameter = absl::StripAsciiWhitespace(parts[i]);
      if (absl::ConsumePrefix(&parameter, "q=") && !absl::SimpleAtod(parameter, &q)) q = 0;
    }
    // Of equals the best: a client may name several versions of one type.
    if (close > closest || (close == closest && q > preference)) preference = q;
    closest = std::max(closest, close);
  }
  return preference;
}

// OpenMetrics, unless the client would rather have text/plain.
Exposition::Format FormatFor(const RequestHeader& request) {
  const std::string accept =
      absl::StrJoin(ValuesOf(request, {"accept"}), ",",
                    [](std::string* out, std::string_view value) { out->append(value); });
  return Preference(accept, "text", "plain") > Preference(accept, "application", "openmetrics-text")
             ? Exposition::Format::kPrometheusText
             : Exposition::Format::kOpenMetrics;
}

// What HTTP itself asks to refuse, whatever the path: a coding that this server does not undo would
// leave bytes behind that look like the next request.
std::optional<Route> RefuseByProtocol(const RequestHeader& request) {
  for (const std::string_view coding : ValuesOf(request, {"transfer-encoding"})) {
    if (!absl::EqualsIgnoreCase(Absl(coding), "chunked")) {
      Route route =
          Refuse(problem::kTransferCodingNotSupported,
                 absl::StrCat("transfer-encoding ", Clip(coding), ": must be chunked or absent"));
      route.refusal.close = true;
      return route;
    }
  }
  for (const std::string_view expectation : ValuesOf(request, {"expect"})) {
    if (!absl::EqualsIgnoreCase(Absl(expectation), "100-continue")) {
      return Refuse(problem::kExpectationFailed,
                    absl::StrCat("expect ", Clip(expectation), ": must be 100-continue or absent"));
    }
  }
  return std::nullopt;
}

}  // namespace

Route RouteRequest(const RequestHeader& request, std::string_view webhook_path) {
  if (std::optional<Route> refused = RefuseByProtocol(request); refused.has_value())
    return *refused;
  const std::string_view path = PathOf(View(request.target()));
  if (path == webhook_path) return RouteWebhook(request, path);
  Route route;
  if (path == "/healthz") {
    route.target = Route::Target::kHealth;
  } else if (path == "/readyz") {
    route.target = Route::Target::kReady;
  } else if (path == "/metrics") {
    route.target = Route::Target::kMetrics;
    route.format = FormatFor(request);
  } else {
    return Refuse(problem::kPathNotFound,
                  absl::StrCat("path ", Clip(path), ": nothing is served there"));
  }
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    return MethodNotAllowed(request, path, "GET, HEAD");
  }
  return route;
}

}  // namespace tributary
