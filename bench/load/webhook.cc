#include "bench/load/webhook.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/report.h"

namespace bench {

WebhookMaker::WebhookMaker(WebhookMix mix, unsigned seed)
    : mix_(std::move(mix)),
      random_(seed),
      run_(absl::StrCat(MicrosNow(), "-", getpid(), "-", seed)) {}

void WebhookMaker::Next() {
  const auto resources = static_cast<uint64_t>(mix_.resources);
  id_ = mix_.in_sequence ? count_ % mix_.resources : static_cast<int64_t>(random_() % resources);
  stage_ = static_cast<int>(id_ % mix_.stages);
  if (mix_.move_stages && random_() % 2 == 0) {
    stage_ = static_cast<int>(random_() % static_cast<uint64_t>(mix_.stages));
  }
  sent_us_ = MicrosNow();
  ++count_;
}

std::string WebhookMaker::OwnerId() const {
  return mix_.owners > 0 ? absl::StrCat(mix_.owner, id_ % mix_.owners) : mix_.owner;
}

void WebhookMaker::AppendBody(std::string& out) const {
  absl::StrAppend(
      &out,
      R"({"event":"crmOpportunity::updated","data":{"object":"resource","model":"crmOpportunity","id":")",
      id_, R"(","fields":{"name":"Northquay fleet telemetry )", kSentMark,
      absl::Dec(sent_us_, absl::kZeroPad16), R"(","amount":)", count_,
      R"(.25,"currency":"EUR","stage":{"object":"resourceRef","model":"crmStage","id":"default::stage)",
      stage_,
      R"("},"pipeline":{"object":"resourceRef","model":"crmPipeline","id":"default"},)"
      R"("owner":{"object":"resourceRef","model":"genericUser","id":"71502943"},)"
      R"("contacts":[{"object":"resourceRef","model":"genericContact","id":"20451188301"}],)"
      R"("companies":[{"object":"resourceRef","model":"genericCompany","id":"18830022415"}],)"
      R"("engagements":[{"object":"resourceRef","model":"crmEngagement","id":"64410029913"}],)"
      R"("contract_reference":"NQ-2025-0043","region":"EMEA","source":"inbound","segment":"mid-market",)"
      R"("forecast":"commit","competitor":"Harbourlight Logistics","next_step":"Send the revised order form to procurement, then agree on the date of the pilot"},)"
      R"("createdAt":"2025-06-03T10:05:30.777Z","rawResource":null,"warnings":[]}})");
}

void WebhookMaker::AppendRequest(std::string& out) {
  body_.clear();
  AppendBody(body_);
  absl::StrAppend(&out,
                  "POST /webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                  "x-connector-id: hubspot\r\nx-owner-id: ",
                  OwnerId(), "\r\nx-idempotency-key: ", run_, "-", count_,
                  "\r\nContent-Length: ", body_.size(), "\r\n\r\n");
  out.append(body_);
}

}  // namespace bench
