#pragma once

#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/mutex.h"
#include "server/cards/card_exchange.h"
#include "server/serve/rpc_metrics.h"

namespace tributary {

// One receiver of card views: writes what the exchange hands it, one message at a time. What waits
// to be written is bounded by what it may have in hand. Leaves the exchange when the call ends.
class CardStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                         public CardReceiver,
                         public std::enable_shared_from_this<CardStream> {
 public:
  // Which views the caller wants.
  struct Wish {
    CardExchange::Restriction restriction;
    int outstanding_max = 0;
  };

  CardStream(CardExchange& exchange, grpc::CallbackServerContext* call, MethodMetrics& method,
             std::string request_id)
      : exchange_(exchange), method_(method), request_id_(std::move(request_id)), call_(call) {}

  // Call once, before anything else. Without a wish, or where the exchange takes no more, the
  // stream ends at once. It keeps itself alive until OnDone.
  void Begin(absl::StatusOr<Wish> wish);

  void Hand(std::string token, std::shared_ptr<const OpenedView> view) override;
  void Drain() override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // Writes what is next, if nothing is under way, or ends the stream, if there is a reason to.
  void Pump() ABSL_LOCKS_EXCLUDED(mutex_);
  void EndWith(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  CardExchange& exchange_;
  MethodMetrics& method_;
  const std::string request_id_;
  grpc::CallbackServerContext* const call_;  // there until the stream was finished
  CardExchange::ReceiverId id_ = 0;          // set before the first reaction
  std::shared_ptr<CardStream> self_;
  grpc::ByteBuffer message_;  // must live until OnWriteDone

  Mutex mutex_;
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status why_end_ ABSL_GUARDED_BY(mutex_);  // OK: it goes on
  std::deque<std::string> messages_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
