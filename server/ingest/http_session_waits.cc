// How long a session waits, and when it has to stop.

#include "server/ingest/http_session.h"

namespace tributary {

std::optional<std::chrono::steady_clock::time_point> HttpSession::waiting_since() const {
  if (phase_ != Phase::kIdle && phase_ != Phase::kReading) return std::nullopt;
  return waiting_since_;
}

void HttpSession::MakeRoom() {
  if (phase_ == Phase::kIdle) {
    Close();
    return;
  }
  makes_room_ = true;
  Error ignored;
  socket_.cancel(ignored);  // OnRead() goes on
}

void HttpSession::SetDeadline(std::chrono::milliseconds from_now) {
  timed_out_ = false;
  waiting_since_ = std::chrono::steady_clock::now();
  deadline_ = waiting_since_ + from_now;
  // A timer that fires too early looks again: moving it for every request would cost more than
  // that.
  if (!timer_armed_ || deadline_ < timer_.expiry()) ArmTimer();
}

void HttpSession::ClearDeadline() { deadline_ = std::chrono::steady_clock::time_point::max(); }

void HttpSession::OnDeadline() {
  if (phase_ == Phase::kReading) {
    timed_out_ = true;
    Error ignored;
    socket_.cancel(ignored);  // OnRead() goes on
  } else if (phase_ == Phase::kAnswering && webhook_.waits_for_cards()) {
    ClearDeadline();
    webhook_.GiveUpCards();
    AnswerWebhook();
  } else {
    Close();
  }
}

}  // namespace tributary
