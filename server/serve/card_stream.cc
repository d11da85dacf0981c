#include "server/serve/card_stream.h"

#include <utility>

#include "server/base/error.h"
#include "server/base/wire.h"
#include "server/serve/call.h"
#include "server/serve/encode.h"
#include "server/serve/grpc_status.h"

namespace tributary {
namespace {

// Field numbers of ReceiveCardViewsResponse.
enum ResponseField : uint32_t { kView = 1, kAnswerToken = 2, kDeadline = 3 };

absl::Status Draining() {
  ErrorDetail detail;
  detail.reason = reason::kServerDraining;
  detail.retry_after_ms = 1000;
  return MakeError(absl::StatusCode::kUnavailable, "this server is stopping", std::move(detail));
}

}  // namespace

void CardStream::Begin(absl::StatusOr<Wish> wish) {
  self_ = shared_from_this();
  if (!wish.ok()) {
    EndWith(wish.status());
  } else {
    absl::StatusOr<CardExchange::ReceiverId> joined =
        exchange_.Join(std::move(wish->restriction), wish->outstanding_max, self_);
    if (joined.ok()) {
      id_ = *joined;
      StartSendInitialMetadata();  // tells the caller that it is a receiver now
    } else {
      EndWith(joined.status());
    }
  }
  {
    MutexLock lock(mutex_);
    begun_ = true;
  }
  Pump();
}

void CardStream::Hand(std::string token, std::shared_ptr<const OpenedView> view) {
  std::string message;
  wire::AppendBytes(message, kView, view->resource);
  wire::AppendBytes(message, kAnswerToken, token);
  wire::AppendTimestamp(message, kDeadline, view->deadline_us);
  {
    MutexLock lock(mutex_);
    if (ended_) return;
    messages_.push_back(std::move(message));
  }
  Pump();
}

void CardStream::Drain() {
  EndWith(Draining());
  Pump();
}

void CardStream::OnWriteDone(bool ok) {
  {
    MutexLock lock(mutex_);
    writing_ = false;
  }
  if (!ok) EndWith(absl::CancelledError("the client is gone"));
  Pump();
}

void CardStream::OnCancel() {
  exchange_.Leave(id_);
  EndWith(absl::CancelledError("the client is gone"));
  Pump();
}

void CardStream::OnDone() {
  exchange_.Leave(id_);
  self_.reset();  // and *this, unless the exchange is about to hand it something
}

void CardStream::EndWith(absl::Status status) {
  MutexLock lock(mutex_);
  if (why_end_.ok()) why_end_ = std::move(status);
}

void CardStream::Pump() {
  absl::Status why_end;
  {
    MutexLock lock(mutex_);
    if (!begun_ || writing_ || ended_) return;
    why_end = why_end_;
    if (!why_end.ok()) {
      ended_ = true;
      messages_.clear();
    } else if (messages_.empty()) {
      return;
    } else {
      writing_ = true;
      message_ = ToByteBuffer(std::move(messages_.front()));
      messages_.pop_front();
      method_.bytes.Add(message_.Length());
    }
  }
  if (why_end.ok()) {
    StartWrite(&message_);
    return;
  }
  LogCall(method_.name, request_id_, why_end);
  method_.CountCall(why_end.code());
  Finish(ToGrpcStatus(why_end, *call_));
}

}  // namespace tributary
