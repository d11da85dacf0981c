#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/resource_client.h"
#include "client/resumable_watch.h"
#include "tributary/widget/v1/card_view.pb.h"

namespace tributary {
inline namespace client {

// Answers the card views that users open, one after the other, until it is cancelled or cannot be
// mended; it reconnects by itself. Several share the views, as threads or as processes:
//
//   CardViewReceiver receiver(channel, {}, [](const CardView& view, absl::Time deadline) {
//     AnswerCardViewRequest answer;
//     answer.add_cards()->set_title("Hello");
//     return answer;
//   });
//   absl::Status why = receiver.Run();
//
// Cancel may be called from any thread, all else from one.
class CardViewReceiver {
 public:
  // What the user is to see; the token need not be set. Of a failure, as of an answer after
  // `deadline`, the user sees no cards.
  using Show = std::function<absl::StatusOr<widget::v1::AnswerCardViewRequest>(
      const widget::v1::CardView& view, absl::Time deadline)>;
  // Told of each view that was not shown, and of each failure that will be retried.
  using OnTrouble = std::function<void(const absl::Status&)>;

  // `scope` restricts which views come; an empty name is all.
  CardViewReceiver(std::shared_ptr<grpc::Channel> channel, Scope scope, Show show,
                   OnTrouble on_trouble = nullptr);

  // CANCELLED after Cancel, else what could not be mended.
  absl::Status Run();
  void Cancel() { views_.Cancel(); }

 private:
  void Answer(const widget::v1::ReceiveCardViewsResponse& view);
  void Report(const absl::Status& status) const;

  const std::shared_ptr<grpc::Channel> channel_;
  const Show show_;
  const OnTrouble on_trouble_;
  ResumableWatch<widget::v1::ReceiveCardViewsRequest, MessagePtr> views_;
};

// Append a row to a card.
void AddText(widget::v1::Card& card, std::string_view label, std::string_view value);
void AddStatus(widget::v1::Card& card, std::string_view label, std::string_view value,
               widget::v1::StatusContent::Status status);

}  // namespace client
}  // namespace tributary
