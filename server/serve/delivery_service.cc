#include "server/serve/delivery_service.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/gathering.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/serve/call.h"
#include "server/serve/delivery_message.h"
#include "server/serve/parse_request.h"
#include "server/serve/token.h"

namespace tributary {
namespace {

namespace proto = ingest::v1;

// One transaction of a purge: a commit that comes meanwhile waits for it.
constexpr size_t kPurgedAtOnce = 256;

absl::Status FilterNeeded(const std::string& filter) {
  if (!filter.empty()) return absl::OkStatus();
  return InvalidField("filter", "must not be empty: it says which deliveries; `id = *` is all");
}

}  // namespace

const google::protobuf::ServiceDescriptor& DeliveryService::descriptor() {
  return *proto::Delivery::descriptor()->file()->FindServiceByName("DeliveryService");
}

template <typename Request, typename Response>
void DeliveryService::Add(const std::string& method, Executor& executor, RpcMetrics& metrics,
                          absl::StatusOr<Response> (DeliveryService::*work)(const Request&)) {
  const google::protobuf::MethodDescriptor& described = *descriptor().FindMethodByName(method);
  MethodMetrics& cells = metrics.Add(described);
  UnaryWork answer = [this, work](const grpc::ByteBuffer& bytes) -> absl::StatusOr<std::string> {
    TRIBUTARY_ASSIGN_OR_RETURN(const Request request, ParseRequest<Request>(bytes));
    TRIBUTARY_ASSIGN_OR_RETURN(const Response response, (this->*work)(request));
    return response.SerializeAsString();
  };
  service_.AddUnary(described, [&executor, &cells, answer = std::move(answer)](
                                   grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
    return AnswerOn(executor, {cells, context, request, response}, answer);
  });
}

DeliveryService::DeliveryService(Store& store, Intake intake, Executor& executor,
                                 RpcMetrics& metrics)
    : store_(store), intake_(std::move(intake)) {
  Add("ListDeliveries", executor, metrics, &DeliveryService::List);
  Add("GetDelivery", executor, metrics, &DeliveryService::Get);
  Add("ReplayDeliveries", executor, metrics, &DeliveryService::Replay);
  Add("PurgeDeliveries", executor, metrics, &DeliveryService::Purge);
}

absl::StatusOr<DeliveryService::Place> DeliveryService::Begin(std::string_view method,
                                                              const std::string& filter,
                                                              int page_size,
                                                              const std::string& page_token,
                                                              bool oldest_first) {
  if (page_size < 0) {
    return InvalidField("page_size", absl::StrCat(page_size, " must not be negative"));
  }
  Place place{method, filter, {}};
  DeliveryQuery& query = place.query;
  TRIBUTARY_ASSIGN_OR_RETURN(query.filter, CompileDeliveryFilter(filter));
  query.oldest_first = oldest_first;
  query.max_deliveries =
      page_size == 0 ? limits::kPageSizeDefault : std::min(page_size, limits::kPageSizeMax);
  if (!page_token.empty()) {
    const TokenBinding binding{store_.id(), {{std::string(method)}, "", ""}, filter, ""};
    TRIBUTARY_ASSIGN_OR_RETURN(const PagePosition position, DecodePageToken(page_token, binding));
    query.after = DeliveryOf(position.last.id);
    if (oldest_first) query.until = position.revision;
  } else if (oldest_first) {
    // What comes from now on is none of its business, or it might never end.
    DeliveryQuery newest;
    newest.max_deliveries = 1;
    TRIBUTARY_ASSIGN_OR_RETURN(const DeliveryPage page, store_.ListDeliveries(newest));
    query.until = page.deliveries.empty() ? 0 : page.deliveries.front().outcome.delivery;
  }
  return place;
}

std::string DeliveryService::TokenAfter(const Place& place, int64_t number) const {
  const TokenBinding binding{store_.id(), {{std::string(place.method)}, "", ""}, place.filter, ""};
  PagePosition position;
  position.revision = place.query.until.value_or(0);
  position.last.id = DeliveryId(number);
  return EncodePageToken(binding, position);
}

absl::StatusOr<DeliveryPage> DeliveryService::Read(DeliveryQuery query) {
  DeliveryPage page;
  for (int reads = 0; reads < limits::kFilteredListReadsMax; ++reads) {
    TRIBUTARY_ASSIGN_OR_RETURN(page, store_.ListDeliveries(query));
    if (!page.deliveries.empty() || !page.next.has_value()) break;
    query.after = *page.next;
  }
  return page;
}

absl::StatusOr<proto::ListDeliveriesResponse> DeliveryService::List(
    const proto::ListDeliveriesRequest& request) {
  TRIBUTARY_ASSIGN_OR_RETURN(Place place, Begin("ListDeliveries", request.filter(),
                                                request.page_size(), request.page_token(), false));
  TRIBUTARY_ASSIGN_OR_RETURN(const DeliveryPage page, Read(place.query));
  proto::ListDeliveriesResponse response;
  for (const DeliveryRecord& record : page.deliveries) {
    *response.add_deliveries() = ToMessage(record);
  }
  if (page.next.has_value()) response.set_next_page_token(TokenAfter(place, *page.next));
  return response;
}

absl::StatusOr<proto::Delivery> DeliveryService::Get(const proto::GetDeliveryRequest& request) {
  if (request.id().empty()) return InvalidField("id", "must be set");
  TRIBUTARY_ASSIGN_OR_RETURN(const std::optional<DeliveryRecord> record,
                             store_.GetDelivery(DeliveryOf(request.id())));
  if (record.has_value()) return ToMessage(*record);
  ErrorDetail detail;
  detail.reason = reason::kResourceNotFound;
  detail.resource = {proto::Delivery::descriptor()->full_name(), request.id()};
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat("delivery ", Clip(request.id()), " is not on record"),
                   std::move(detail));
}

absl::StatusOr<proto::ReplayDeliveriesResponse> DeliveryService::Replay(
    const proto::ReplayDeliveriesRequest& request) {
  TRIBUTARY_RETURN_IF_ERROR(FilterNeeded(request.filter()));
  TRIBUTARY_ASSIGN_OR_RETURN(Place place, Begin("ReplayDeliveries", request.filter(),
                                                request.page_size(), request.page_token(), true));
  place.query.bodies = true;
  TRIBUTARY_ASSIGN_OR_RETURN(DeliveryPage page, Read(place.query));
  proto::ReplayDeliveriesResponse response;
  std::vector<Delivery> deliveries;
  DecodeMemory memory;
  for (DeliveryRecord& record : page.deliveries) {
    if (!record.has_body) {
      response.set_skipped_without_body(response.skipped_without_body() + 1);
      continue;
    }
    const int64_t number = record.outcome.delivery;
    DecodedWebhook decoded =
        intake_.decoder.Decode({record.connector_id, record.owner_id, record.idempotency_key},
                               std::move(record.body), record.received_us, memory);
    proto::ReplayDeliveriesResponse::Replay& replay = *response.add_replays();
    replay.set_delivery_id(DeliveryId(number));
    replay.set_before(ToMessage(record.outcome.verdict));
    if (decoded.delivery.intake != Delivery::Intake::kJudge) {
      replay.set_problem(decoded.delivery.problem);
    }
    decoded.delivery.replay = tributary::Replay{number, record.received_us, record.version};
    deliveries.push_back(std::move(decoded.delivery));
  }
  if (page.next.has_value()) response.set_next_page_token(TokenAfter(place, *page.next));
  if (deliveries.empty()) return response;
  absl::StatusOr<std::vector<Outcome>> outcomes =
      request.dry_run() ? store_.Rehearse(deliveries) : Submit(std::move(deliveries));
  if (!outcomes.ok()) return std::move(outcomes).status();
  for (size_t i = 0; i < outcomes->size(); ++i) {
    proto::ReplayDeliveriesResponse::Replay& replay =
        *response.mutable_replays(static_cast<int>(i));
    replay.set_after(ToMessage((*outcomes)[i].verdict));
    replay.set_revision((*outcomes)[i].revision);
  }
  return response;
}

// If one of them fails the page does: what was made stays, and is UNCHANGED when it is asked for
// again.
absl::StatusOr<std::vector<Outcome>> DeliveryService::Submit(std::vector<Delivery> deliveries) {
  const auto outcomes = std::make_shared<Gathering<absl::StatusOr<Outcome>>>();
  absl::Status status;
  size_t taken = 0;
  for (Delivery& delivery : deliveries) {
    status = intake_.submit(
        std::move(delivery),
        [outcomes](const absl::StatusOr<Outcome>& outcome) { outcomes->Put(outcome); });
    if (!status.ok()) break;
    ++taken;
  }
  std::vector<Outcome> made;
  for (const absl::StatusOr<Outcome>& outcome : outcomes->Wait(taken)) {
    if (!outcome.ok()) return outcome.status();
    made.push_back(*outcome);
  }
  if (!status.ok()) return status;
  return made;
}

absl::StatusOr<proto::PurgeDeliveriesResponse> DeliveryService::Purge(
    const proto::PurgeDeliveriesRequest& request) {
  TRIBUTARY_RETURN_IF_ERROR(FilterNeeded(request.filter()));
  TRIBUTARY_ASSIGN_OR_RETURN(Place place, Begin("PurgeDeliveries", request.filter(),
                                                limits::kPageSizeMax, request.page_token(), true));
  TRIBUTARY_ASSIGN_OR_RETURN(const DeliveryPage page, Read(place.query));
  proto::PurgeDeliveriesResponse response;
  std::vector<int64_t> numbers;
  for (const DeliveryRecord& record : page.deliveries) {
    numbers.push_back(record.outcome.delivery);
    response.set_kept_count(response.kept_count() + (record.in_history ? 1 : 0));
  }
  response.set_purged_count(static_cast<int64_t>(numbers.size()) - response.kept_count());
  for (std::span<const int64_t> left(numbers); !request.dry_run() && !left.empty();) {
    const size_t count = std::min(left.size(), kPurgedAtOnce);
    TRIBUTARY_RETURN_IF_ERROR(store_.PurgeDeliveries(left.first(count)).status());
    left = left.subspan(count);
  }
  if (page.next.has_value()) response.set_next_page_token(TokenAfter(place, *page.next));
  return response;
}

}  // namespace tributary
