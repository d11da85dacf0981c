#include "server/serve/delivery_message.h"

#include <string>
#include <utility>

#include "google/protobuf/util/time_util.h"
#include "server/base/status_macros.h"
#include "server/filter/filter.h"

namespace tributary {
namespace {

using google::protobuf::util::TimeUtil;

class MessageFilter final : public DeliveryFilter {
 public:
  explicit MessageFilter(std::shared_ptr<const Filter> filter) : filter_(std::move(filter)) {}
  bool Matches(const DeliveryRecord& record) const override {
    return filter_->MatchesEncoded(ToMessage(record).SerializeAsString());
  }

 private:
  const std::shared_ptr<const Filter> filter_;
};

}  // namespace

ingest::v1::Verdict ToMessage(Verdict verdict) {
  static_assert(static_cast<int>(Verdict::kApplied) == ingest::v1::VERDICT_APPLIED &&
                static_cast<int>(Verdict::kRejected) == ingest::v1::VERDICT_REJECTED);
  return static_cast<ingest::v1::Verdict>(verdict);
}

ingest::v1::Delivery ToMessage(const DeliveryRecord& record) {
  ingest::v1::Delivery message;
  message.set_id(DeliveryId(record.outcome.delivery));
  *message.mutable_received_at() = TimeUtil::MicrosecondsToTimestamp(record.received_us);
  message.set_connector_id(record.connector_id);
  message.set_owner_id(record.owner_id);
  message.set_event(record.event);
  message.set_model(record.event.substr(0, record.event.find("::")));
  message.set_resource_id(record.resource_id);
  message.set_idempotency_key(record.idempotency_key);
  message.set_verdict(ToMessage(record.outcome.verdict));
  message.set_revision(record.outcome.revision);
  message.set_problem(record.problem);
  message.set_warning_count(record.warnings);
  if (record.version.has_value()) {
    *message.mutable_version_time() = TimeUtil::MicrosecondsToTimestamp(record.version->time_us);
  }
  message.set_key_reused(record.key_reused);
  message.set_remote_address(record.remote_address);
  message.set_body_bytes(record.body_bytes);
  message.set_has_body(record.has_body);
  message.set_in_history(record.in_history);
  message.set_body(record.body);
  return message;
}

absl::StatusOr<std::shared_ptr<const DeliveryFilter>> CompileDeliveryFilter(std::string_view text) {
  if (text.empty()) return std::shared_ptr<const DeliveryFilter>();
  TRIBUTARY_ASSIGN_OR_RETURN(std::shared_ptr<const Filter> filter,
                             Filter::CompileForMessage(text, *ingest::v1::Delivery::descriptor()));
  return std::make_shared<const MessageFilter>(std::move(filter));
}

}  // namespace tributary
