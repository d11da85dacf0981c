#include "client/card_view_receiver.h"

#include <string>
#include <utility>

#include "client/error.h"
#include "client/model.h"
#include "client/rpc.h"

namespace tributary {
inline namespace client {
namespace {

using widget::v1::AnswerCardViewRequest;
using widget::v1::AnswerCardViewResponse;
using widget::v1::ReceiveCardViewsRequest;
using widget::v1::ReceiveCardViewsResponse;

std::string Path(const char* method) {
  static const auto& service =
      *widget::v1::CardView::descriptor()->file()->FindServiceByName("CardViewService");
  return PathOf(*service.FindMethodByName(method));
}

ReceiveCardViewsRequest RequestFor(const Scope& scope) {
  ReceiveCardViewsRequest request;
  request.set_connector_id(scope.connector_id);
  request.set_owner_id(scope.owner_id);
  request.set_max_outstanding(1);  // what this one cannot take up at once is for another
  return request;
}

}  // namespace

CardViewReceiver::CardViewReceiver(std::shared_ptr<grpc::Channel> channel, Scope scope, Show show,
                                   OnTrouble on_trouble)
    : channel_(std::move(channel)),
      show_(std::move(show)),
      on_trouble_(std::move(on_trouble)),
      views_(
          RequestFor(scope),
          [this](const ReceiveCardViewsRequest& request) {
            // Users may open nothing for hours: that a connection broke shows by keepalive.
            return std::make_shared<ServerStream>(channel_, Path("ReceiveCardViews"), request,
                                                  ReceiveCardViewsResponse::default_instance(),
                                                  absl::InfiniteDuration());
          },
          [](const MessagePtr&, ReceiveCardViewsRequest&) { return true; },
          // To a user who waits a second counts.
          WatchPatience{.backoff = {.max = absl::Seconds(1)}},
          [this](const absl::Status& status, absl::Duration) { Report(status); }) {}

absl::Status CardViewReceiver::Run() {
  while (const std::optional<MessagePtr> view = views_.Next()) {
    Answer(*google::protobuf::DynamicCastToGenerated<ReceiveCardViewsResponse>(view->get()));
  }
  return views_.status();
}

void CardViewReceiver::Answer(const ReceiveCardViewsResponse& view) {
  const absl::Time deadline =
      absl::FromUnixSeconds(view.deadline().seconds()) + absl::Nanoseconds(view.deadline().nanos());
  absl::StatusOr<AnswerCardViewRequest> shown = show_(view.card_view(), deadline);
  if (!shown.ok()) {
    Report(shown.status());
    shown = AnswerCardViewRequest();  // so that the user does not wait for nothing
  }
  shown->set_answer_token(view.answer_token());
  AnswerCardViewResponse response;
  const absl::Status answered =
      CallUnary(channel_, Path("AnswerCardView"), *shown, CallOptions(), response);
  // Answered before: by an attempt of which we did not hear.
  if (!answered.ok() && ReasonOf(answered) != "CARD_VIEW_ANSWERED") Report(answered);
}

void CardViewReceiver::Report(const absl::Status& status) const {
  if (on_trouble_ != nullptr) on_trouble_(status);
}

void AddText(widget::v1::Card& card, std::string_view label, std::string_view value) {
  widget::v1::TextContent& text = *card.add_contents()->mutable_text();
  text.set_label(std::string(label));
  text.set_value(std::string(value));
}

void AddStatus(widget::v1::Card& card, std::string_view label, std::string_view value,
               widget::v1::StatusContent::Status status) {
  widget::v1::StatusContent& row = *card.add_contents()->mutable_status();
  row.set_label(std::string(label));
  row.set_value(std::string(value));
  row.set_status(status);
}

}  // namespace client
}  // namespace tributary
