#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/cards/card_exchange.h"
#include "server/ingest/answers.h"
#include "server/ingest/session_loop.h"
#include "server/model/webhook_decoder.h"

namespace tributary {

// The webhook of a session between its last byte and its answer, which waits for what becomes of
// the delivery and, where cards are wanted, for them: both are asked for at the same time. One
// webhook after the other; on the thread of its loop.
class PendingWebhook {
 public:
  PendingWebhook(uint64_t session, SessionLoop& loop) : session_(session), loop_(loop) {}

  // Decodes the webhook and has it committed and, perhaps, answered with cards. What comes of it
  // arrives in the inboxes of the loop. Why not, if the committer does not take it.
  absl::Status Begin(const WebhookHeaders& headers, std::string body,
                     const std::string& remote_address);

  void Take(const OutcomeItem& item) { outcome_ = item.outcome; }
  void Take(const CardsItem& item);

  bool waits_for_cards() const { return asked_.has_value(); }
  // No cards came in time.
  void GiveUpCards() { StopAsking(CardViewEnd::kTimedOut); }
  // Nobody will see an answer.
  void Drop() { StopAsking(CardViewEnd::kDropped); }

  // Once everything is there, the answer.
  std::optional<HttpAnswer> TakeAnswer();

 private:
  void AskForCards(OpenedView view);
  void StopAsking(CardViewEnd why);

  const uint64_t session_;
  SessionLoop& loop_;
  DecodedWebhook decoded_;  // without its delivery, which the committer has
  std::optional<absl::StatusOr<Outcome>> outcome_;
  std::optional<CardExchange::Ticket> asked_;  // of cards that are not there yet
  std::string cards_;
};

}  // namespace tributary
