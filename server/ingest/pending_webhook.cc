#include "server/ingest/pending_webhook.h"

#include <chrono>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"

namespace tributary {
namespace {

// What a receiver of card views is to see of the webhook; nullopt where no cards are wanted, or
// there is nothing to show cards for.
std::optional<OpenedView> ViewIn(const DecodedWebhook& decoded) {
  const Delivery& delivery = decoded.delivery;
  if (!decoded.answers_with_cards || delivery.mutations.empty()) return std::nullopt;
  const Mutation& own = delivery.mutations.back();  // behind those embedded in it
  if (own.IsDelete()) return std::nullopt;
  return OpenedView{own.key.connector_id, own.key.owner_id, own.state};
}

}  // namespace

absl::Status PendingWebhook::Begin(const WebhookHeaders& headers, std::string body,
                                   const std::string& remote_address) {
  SessionContext& context = loop_.context();
  if (context.draining) {
    return MakeError(absl::StatusCode::kUnavailable, "the server is shutting down: try again",
                     reason::kServerDraining);
  }
  outcome_.reset();
  cards_.clear();
  decoded_ =
      context.decoder.Decode(headers, std::move(body), context.clock.NowMicros(), loop_.memory());
  decoded_.delivery.remote_address = remote_address;
  std::optional<OpenedView> view = ViewIn(decoded_);
  TRIBUTARY_RETURN_IF_ERROR(context.committer.Submit(
      std::move(decoded_.delivery),
      [inbox = loop_.outcomes(), id = session_](const absl::StatusOr<Outcome>& outcome) {
        inbox->Put({id, outcome});
      }));
  if (view.has_value()) AskForCards(*std::move(view));
  return absl::OkStatus();
}

void PendingWebhook::AskForCards(OpenedView view) {
  SessionContext& context = loop_.context();
  const std::chrono::microseconds timeout = context.options.card_view_timeout;
  view.deadline_us = context.clock.NowMicros() + timeout.count();
  asked_ = context.cards.Ask(
      std::move(view), [inbox = loop_.cards(), id = session_](const CardExchange::Ticket& ticket,
                                                              std::string cards) {
        inbox->Put({id, ticket, std::move(cards)});
      });
}

void PendingWebhook::Take(const CardsItem& item) {
  if (asked_ != item.ticket) return;  // of a webhook that was answered without
  asked_.reset();
  cards_ = item.cards;
}

void PendingWebhook::StopAsking(CardViewEnd why) {
  if (!asked_.has_value()) return;
  // Who waits has to go on where they were answered just now: they lie in the inbox.
  const bool stopped = loop_.context().cards.GiveUp(*asked_, why);
  if (stopped || why == CardViewEnd::kDropped) asked_.reset();
}

std::optional<HttpAnswer> PendingWebhook::TakeAnswer() {
  if (!outcome_.has_value()) return std::nullopt;
  if (!outcome_->ok()) {
    Drop();
    return StatusAnswer(outcome_->status());
  }
  if (waits_for_cards()) return std::nullopt;
  return VerdictAnswer(decoded_, **outcome_, std::move(cards_));
}

}  // namespace tributary
