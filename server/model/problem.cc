#include "server/model/problem.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

ProblemType TypeOf(DecodedWebhook::Refusal refusal) {
  switch (refusal) {
    case DecodedWebhook::Refusal::kNotJson:
      return problem::kBodyNotJson;
    case DecodedWebhook::Refusal::kEnvelope:
      return problem::kEnvelopeInvalid;
    case DecodedWebhook::Refusal::kContent:
      return problem::kContentInvalid;
    case DecodedWebhook::Refusal::kTooLarge:
      return problem::kResourceTooLarge;
    case DecodedWebhook::Refusal::kNone:
      break;
  }
  return problem::kEventUnknown;
}

// `/data/model "genericUser": must be genericWorkspace, the model of the event`
std::string InWords(const Fault& fault) {
  std::string where = fault.pointer;
  // The value is JSON text as sent, with quotes of its own if it is a string.
  constexpr size_t kValueBytesMax = 128;
  const std::string_view value = CutUtf8(fault.value, kValueBytesMax);
  if (!value.empty()) absl::StrAppend(&where, where.empty() ? "" : " ", Absl(value));
  if (value.size() < fault.value.size()) absl::StrAppend(&where, "...");
  return where.empty() ? fault.detail : absl::StrCat(where, ": ", fault.detail);
}

}  // namespace

std::string ProblemTypeUri(const ProblemType& type) {
  std::string name = absl::AsciiStrToLower(Absl(type.reason));
  std::replace(name.begin(), name.end(), '_', '-');
  return absl::StrCat("https://tributary.dev/problems/", name);
}

Problem ProblemOf(const DecodedWebhook& decoded) {
  Problem problem;
  problem.type = TypeOf(decoded.refusal);
  for (const Fault& fault : decoded.faults) {
    problem.faults.push_back({"", fault.pointer, fault.detail, fault.value, fault.code});
  }
  problem.detail =
      decoded.faults.empty() ? std::string(problem.type.title) : InWords(decoded.faults[0]);
  return problem;
}

Problem ProblemOf(const absl::Status& status) {
  const ErrorDetail detail = DetailOf(status);
  Problem problem;
  for (const ProblemType& type : {problem::kServerDraining, problem::kOverloaded,
                                  problem::kStoreUnavailable, problem::kStoredDataCorrupt}) {
    if (type.reason == detail.reason) problem.type = type;
  }
  problem.detail = std::string(Std(status.message()));
  if (problem.type.status == 503) problem.retry_after_ms = detail.retry_after_ms.value_or(1000);
  return problem;
}

}  // namespace tributary
