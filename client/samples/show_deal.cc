// Shows the deal that a user opened, as a card. docs/card_views.md goes through it.
//
//   show_deal [HOST:PORT]

#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/card_view_receiver.h"
#include "client/client.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/crm/v1/stage.pb.h"

namespace {

using tributary::AddStatus;
using tributary::AddText;
using tributary::Client;
using tributary::crm::v1::Opportunity;
using tributary::crm::v1::Stage;
using tributary::widget::v1::AnswerCardViewRequest;
using tributary::widget::v1::Card;
using tributary::widget::v1::CardView;
using tributary::widget::v1::StatusContent;

StatusContent::Status StatusOf(const Stage& stage) {
  switch (stage.fields().type()) {
    case Stage::Fields::TYPE_WON:
      return StatusContent::STATUS_SUCCESS;
    case Stage::Fields::TYPE_LOST:
      return StatusContent::STATUS_DANGER;
    default:
      return StatusContent::STATUS_INFO;
  }
}

absl::StatusOr<AnswerCardViewRequest> ShowDeal(const std::shared_ptr<grpc::Channel>& channel,
                                               const CardView& view, absl::Time deadline) {
  AnswerCardViewRequest answer;
  if (!view.fields().has_crm_opportunity()) return answer;  // opened on something else
  const tributary::Scope scope{view.connector_id(), view.owner_id()};
  const tributary::CallOptions in_time{.timeout = deadline - absl::Now()};

  const auto deal =
      Client<Opportunity>(channel, scope, in_time).Get(view.fields().crm_opportunity().id());
  if (!deal.ok()) return deal.status();
  Card& card = *answer.add_cards();
  card.set_title(deal->fields().name());
  if (deal->fields().has_amount()) {
    AddText(card, "Amount", absl::StrCat(deal->fields().amount(), " ", deal->fields().currency()));
  }
  // The stage may not have arrived: then the card does without.
  const auto stage = Client<Stage>(channel, scope, in_time).Get(deal->fields().stage().id());
  if (stage.ok()) AddStatus(card, "Stage", stage->fields().name(), StatusOf(*stage));
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  const auto channel = tributary::Connect(argc > 1 ? argv[1] : "127.0.0.1:50051");
  tributary::CardViewReceiver receiver(
      channel, {},
      [&channel](const CardView& view, absl::Time deadline) {
        return ShowDeal(channel, view, deadline);
      },
      [](const absl::Status& trouble) { std::cerr << trouble << '\n'; });
  std::cerr << receiver.Run() << '\n';
  return 1;
}
