#include "server/serve/card_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/serve/card_json.h"
#include "server/serve/parse_request.h"
#include "tributary/widget/v1/card_view.pb.h"

namespace tributary {
namespace {

// Encoded, nothing takes much more than as JSON: what is larger is not worth a parse.
constexpr size_t kRequestBytesMax = 2 * limits::kCardsBytesMax;

absl::Status TooLarge(size_t bytes) {
  return InvalidField("cards", absl::StrCat("must take at most ", limits::kCardsBytesMax,
                                            " bytes as JSON; the request takes ", bytes));
}

}  // namespace

const google::protobuf::ServiceDescriptor& CardService::descriptor() {
  return *widget::v1::CardView::descriptor()->file()->FindServiceByName("CardViewService");
}

absl::Status CardService::Check(const ModelRegistry& models) {
  for (const auto& model : models.models()) {
    if (model->answers_with_cards() && model->service() != &descriptor()) {
      return absl::InvalidArgumentError(absl::StrCat(
          model->message()->file()->name(), ": ", model->message()->full_name(),
          " must not have ANSWER_CARDS: only ", descriptor().full_name(), " has receivers"));
    }
  }
  return absl::OkStatus();
}

CardService::CardService(CardExchange& exchange, RpcMetrics& metrics)
    : exchange_(exchange),
      metrics_(metrics),
      receive_(*descriptor().FindMethodByName("ReceiveCardViews")),
      answer_(*descriptor().FindMethodByName("AnswerCardView")),
      reader_(*receive_.input_type()),
      answer_work_([this](const grpc::ByteBuffer& bytes) { return Answer(bytes); }) {}

void CardService::AddTo(RawService& service) {
  service.AddStreaming(
      receive_,
      [this, &method = metrics_.Add(receive_)](
          grpc::CallbackServerContext* call,
          const grpc::ByteBuffer* bytes) -> grpc::ServerWriteReactor<grpc::ByteBuffer>* {
        const auto stream =
            std::make_shared<CardStream>(exchange_, call, method, ExchangeRequestId(*call));
        stream->Begin(ReadWish(*bytes));
        return stream.get();
      });
  // Waits for nothing, so that gRPC's own thread does it.
  service.AddUnary(answer_, [this, &method = metrics_.Add(answer_)](
                                grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* response) {
    return AnswerHere({method, call, request, response}, answer_work_);
  });
}

absl::StatusOr<CardStream::Wish> CardService::ReadWish(const grpc::ByteBuffer& bytes) const {
  // The reader that all methods share checks what they share.
  TRIBUTARY_ASSIGN_OR_RETURN(Request scope, reader_.Read(bytes));
  TRIBUTARY_ASSIGN_OR_RETURN(const auto request,
                             ParseRequest<widget::v1::ReceiveCardViewsRequest>(bytes));
  const int wanted = request.max_outstanding();
  if (wanted < 0) {
    return InvalidField("max_outstanding", absl::StrCat(wanted, " must not be negative"));
  }
  CardStream::Wish wish;
  wish.restriction = {std::move(scope.connector_id), std::move(scope.owner_id)};
  wish.outstanding_max =
      wanted == 0 ? limits::kCardViewsInHandDefault : std::min(wanted, limits::kCardViewsInHandMax);
  return wish;
}

absl::StatusOr<std::string> CardService::Answer(const grpc::ByteBuffer& bytes) const {
  if (bytes.Length() > kRequestBytesMax) return TooLarge(bytes.Length());
  TRIBUTARY_ASSIGN_OR_RETURN(const auto request,
                             ParseRequest<widget::v1::AnswerCardViewRequest>(bytes));
  TRIBUTARY_ASSIGN_OR_RETURN(std::string cards, CardsJson(request));
  TRIBUTARY_RETURN_IF_ERROR(exchange_.Answer(request.answer_token(), std::move(cards)));
  return widget::v1::AnswerCardViewResponse().SerializeAsString();
}

}  // namespace tributary
