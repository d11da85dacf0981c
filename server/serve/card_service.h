#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/cards/card_exchange.h"
#include "server/model/model.h"
#include "server/serve/call.h"
#include "server/serve/card_stream.h"
#include "server/serve/raw_service.h"
#include "server/serve/request.h"
#include "server/serve/rpc_metrics.h"

namespace tributary {

// ReceiveCardViews and AnswerCardView, which the service of card views has beside what every model
// has. `exchange` and `metrics` must outlive it. Thread-safe.
class CardService {
 public:
  CardService(CardExchange& exchange, RpcMetrics& metrics);

  // The service that the methods belong to.
  static const google::protobuf::ServiceDescriptor& descriptor();
  // INVALID_ARGUMENT if a model of another service is answered with cards: nobody could receive it.
  static absl::Status Check(const ModelRegistry& models);

  // Adds the methods to the service that serves the model.
  void AddTo(RawService& service);

 private:
  absl::StatusOr<CardStream::Wish> ReadWish(const grpc::ByteBuffer& bytes) const;
  absl::StatusOr<std::string> Answer(const grpc::ByteBuffer& bytes) const;

  CardExchange& exchange_;
  RpcMetrics& metrics_;
  const google::protobuf::MethodDescriptor& receive_;
  const google::protobuf::MethodDescriptor& answer_;
  const RequestReader reader_;
  const UnaryWork answer_work_;
};

}  // namespace tributary
