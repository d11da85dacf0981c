#include "server/ingest/answers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "server/base/strings.h"

namespace tributary {
namespace {

using Json = nlohmann::ordered_json;

// Not even bytes that are no UTF-8 can make this fail: they become U+FFFD.
std::string Write(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json FaultJson(const ProblemFault& fault) {
  Json json = Json::object();
  if (fault.header.empty()) {
    json["pointer"] = fault.pointer;
  } else {
    json["header"] = fault.header;
  }
  json["detail"] = fault.detail;
  json["value"] = fault.value;
  return json;
}

Json WarningsJson(const std::vector<Fault>& warnings) {
  Json json = Json::array();
  for (const Fault& warning : warnings) {
    json.push_back({{"code", warning.code},
                    {"message", warning.detail},
                    {"field", warning.path},
                    {"pointer", warning.pointer},
                    {"value", warning.value}});
  }
  return json;
}

HttpAnswer RejectedAnswer(const DecodedWebhook& decoded, const std::string& delivery_id) {
  Problem problem = ProblemOf(decoded);
  problem.delivery_id = delivery_id;
  return ProblemAnswer(problem);
}

HttpAnswer AcceptedAnswer(const DecodedWebhook& decoded, const Outcome& outcome,
                          const std::string& delivery_id) {
  // Put together by hand: nothing in it but the warnings and the detail needs an escape, and this
  // is the answer that nearly everybody gets.
  HttpAnswer answer;
  const std::string revision = outcome.revision == 0 ? "" : absl::StrCat(outcome.revision);
  std::string detail;
  if (outcome.verdict == Verdict::kParked) {
    answer.status = 202;
    if (!decoded.faults.empty()) {
      detail = absl::StrCat(R"(,"detail":)", Write(ProblemOf(decoded).detail));
    }
  }
  answer.body = absl::StrCat(
      R"({"verdict":")", Absl(VerdictName(outcome.verdict)), "\"",
      revision.empty() ? "" : R"(,"revision":)", revision, R"(,"deliveryId":")", delivery_id,
      R"(","warnings":)", decoded.warnings.empty() ? "[]" : Write(WarningsJson(decoded.warnings)),
      detail, "}");
  return answer;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kApplied:
      return "APPLIED";
    case Verdict::kUnchanged:
      return "UNCHANGED";
    case Verdict::kDuplicate:
      return "DUPLICATE";
    case Verdict::kSuperseded:
      return "SUPERSEDED";
    case Verdict::kParked:
      return "PARKED";
    case Verdict::kRejected:
      break;
  }
  return "REJECTED";
}

HttpAnswer ProblemAnswer(const Problem& problem) {
  Json json = Json::object();
  json["type"] = ProblemTypeUri(problem.type);
  json["title"] = problem.type.title;
  json["status"] = problem.type.status;
  json["detail"] = CutUtf8(problem.detail, kProblemDetailBytesMax);
  json["reason"] = problem.type.reason;
  if (!problem.delivery_id.empty()) json["deliveryId"] = problem.delivery_id;
  if (!problem.faults.empty()) {
    Json& faults = json["faults"] = Json::array();
    for (size_t i = 0; i < std::min(problem.faults.size(), kProblemFaultsMax); ++i) {
      faults.push_back(FaultJson(problem.faults[i]));
    }
  }
  HttpAnswer answer;
  answer.status = problem.type.status;
  answer.content_type = "application/problem+json";
  answer.body = Write(json);
  if (problem.retry_after_ms.has_value()) {
    const int64_t seconds = std::max<int64_t>(1, (*problem.retry_after_ms + 999) / 1000);
    absl::StrAppend(&answer.headers, "retry-after: ", seconds, "\r\n");
  }
  return answer;
}

HttpAnswer StatusAnswer(const absl::Status& status) { return ProblemAnswer(ProblemOf(status)); }

HttpAnswer VerdictAnswer(const DecodedWebhook& decoded, const Outcome& outcome, std::string cards) {
  const std::string delivery_id = DeliveryId(outcome.delivery);
  HttpAnswer answer;
  if (decoded.answers_with_cards) {
    answer.body = cards.empty() ? R"({"cards": []})" : std::move(cards);
  } else if (outcome.verdict == Verdict::kRejected) {
    answer = RejectedAnswer(decoded, delivery_id);
  } else {
    answer = AcceptedAnswer(decoded, outcome, delivery_id);
  }
  absl::StrAppend(&answer.headers, "x-tributary-delivery-id: ", delivery_id,
                  "\r\nx-tributary-verdict: ", Absl(VerdictName(outcome.verdict)), "\r\n");
  return answer;
}

HttpAnswer HealthAnswer() {
  HttpAnswer answer;
  answer.body = R"({"status":"ok"})";
  return answer;
}

}  // namespace tributary
