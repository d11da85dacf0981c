#include "server/cards/card_exchange.h"

#include <charconv>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

constexpr size_t kTokenBytes = 32;
constexpr size_t kClosedMax = 16'384;  // some hundred KiB
constexpr int64_t kRetryAfterMs = 1000;

// 128 bits from the system's generator, so that nobody finds a token by guessing.
Digest NewTicket() {
  std::random_device random;
  const auto word = [&random] { return (uint64_t{random()} << 32) | random(); };
  const uint64_t high = word();
  return {high, word()};
}

std::string TokenOf(const Digest& ticket) {
  return absl::StrCat(absl::Hex(ticket.high, absl::kZeroPad16),
                      absl::Hex(ticket.low, absl::kZeroPad16));
}

// nullopt: it is no token of any server.
std::optional<Digest> TicketOf(std::string_view token) {
  if (token.size() != kTokenBytes) return std::nullopt;
  const auto read = [](std::string_view half, uint64_t& value) {
    const auto [end, fault] = std::from_chars(half.data(), half.data() + half.size(), value, 16);
    return fault == std::errc() && end == half.data() + half.size();
  };
  Digest ticket;
  if (!read(token.substr(0, 16), ticket.high) || !read(token.substr(16), ticket.low)) {
    return std::nullopt;
  }
  return ticket;
}

absl::Status UnknownToken(std::string_view token) {
  ErrorDetail detail;
  detail.reason = reason::kAnswerTokenUnknown;
  detail.violations.push_back({"answer_token", "must be the token of a card view"});
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("answer_token ", Clip(token, kTokenBytes),
                                " was not given by this server since it started, or very many card "
                                "views ago"),
                   std::move(detail));
}

absl::Status Draining() {
  ErrorDetail detail;
  detail.reason = reason::kServerDraining;
  detail.retry_after_ms = kRetryAfterMs;
  return MakeError(absl::StatusCode::kUnavailable,
                   "this server is stopping, and has answered its card views without cards",
                   std::move(detail));
}

}  // namespace

std::optional<CardExchange::Ticket> CardExchange::Ask(OpenedView view, Answered answered) {
  const Ticket ticket = NewTicket();
  Handings handings;
  {
    MutexLock lock(mutex_);
    const bool full =
        open_.size() >= options_.views_max || bytes_ + view.resource.size() > options_.bytes_max;
    if (full || !IsReceived(view)) {
      const CardViewEnd end = full ? CardViewEnd::kOverflow : CardViewEnd::kNoReceiver;
      metrics_.views[static_cast<size_t>(end)].Add();
      return std::nullopt;
    }
    bytes_ += view.resource.size();
    Open& open = open_[ticket];
    open.view = std::make_shared<const OpenedView>(std::move(view));
    open.answered = std::move(answered);
    open.number = ++last_view_;
    Place(ticket, open, handings);
  }
  HandOver(std::move(handings));
  return ticket;
}

bool CardExchange::GiveUp(const Ticket& ticket, CardViewEnd why) {
  Handings handings;
  {
    MutexLock lock(mutex_);
    const auto found = open_.find(ticket);
    if (found == open_.end()) return false;
    Close(found, why, handings);
  }
  HandOver(std::move(handings));
  return true;
}

absl::StatusOr<CardExchange::ReceiverId> CardExchange::Join(
    Restriction restriction, int outstanding_max, std::shared_ptr<CardReceiver> receiver) {
  Handings handings;
  ReceiverId id = kNobody;
  {
    MutexLock lock(mutex_);
    if (draining_) return Draining();
    if (static_cast<int>(receivers_.size()) >= options_.receivers_max) {
      ErrorDetail detail;
      detail.reason = reason::kOverloaded;
      detail.retry_after_ms = kRetryAfterMs;
      return MakeError(absl::StatusCode::kResourceExhausted,
                       absl::StrCat("this server takes at most ", options_.receivers_max,
                                    " receivers of card views"),
                       std::move(detail));
    }
    id = ++last_receiver_;
    Receiver& joined = receivers_[id];
    joined.restriction = std::move(restriction);
    joined.outstanding_max = outstanding_max;
    joined.receiver = std::move(receiver);
    Refill(id, handings);
  }
  HandOver(std::move(handings));
  return id;
}

void CardExchange::Leave(ReceiverId receiver) {
  Handings handings;
  {
    MutexLock lock(mutex_);
    if (receivers_.erase(receiver) == 0) return;
    std::map<uint64_t, Ticket> left;  // the oldest first
    for (const auto& [ticket, open] : open_) {
      if (open.holder == receiver) left.emplace(open.number, ticket);
    }
    for (const auto& [number, ticket] : left) Place(ticket, open_.at(ticket), handings);
  }
  HandOver(std::move(handings));
}

absl::Status CardExchange::Answer(std::string_view token, std::string cards) {
  const std::optional<Ticket> ticket = TicketOf(token);
  if (!ticket.has_value()) return UnknownToken(token);
  Handings handings;
  Answered answered;
  {
    MutexLock lock(mutex_);
    const auto found = open_.find(*ticket);
    if (found == open_.end()) return WhyClosed(token, *ticket);
    Open open = Close(found, CardViewEnd::kAnswered, handings);
    metrics_.answered.Observe(open.since_opened.elapsed());
    answered = std::move(open.answered);
  }
  HandOver(std::move(handings));
  answered(*ticket, std::move(cards));
  return absl::OkStatus();
}

void CardExchange::Drain() {
  std::map<ReceiverId, Receiver> receivers;
  std::vector<std::pair<Ticket, Answered>> waiting;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    receivers.swap(receivers_);  // nobody is left to be handed anything
    Handings none;
    while (!open_.empty()) {
      const Ticket ticket = open_.begin()->first;
      waiting.emplace_back(ticket, Close(open_.begin(), CardViewEnd::kDropped, none).answered);
    }
  }
  for (const auto& [ticket, answered] : waiting) answered(ticket, "");
  for (const auto& [id, left] : receivers) left.receiver->Drain();
}

CardExchange::Survey CardExchange::TakeSurvey() const {
  MutexLock lock(mutex_);
  return {receivers_.size(), open_.size() - waiting_.size(), waiting_.size()};
}

void CardExchange::HandOver(Handings handings) {
  for (Handing& handing : handings) {
    handing.receiver->Hand(std::move(handing.token), std::move(handing.view));
  }
}

bool CardExchange::Matches(const Receiver& receiver, const OpenedView& view) {
  const Restriction& only = receiver.restriction;
  return (only.connector_id.empty() || only.connector_id == view.connector_id) &&
         (only.owner_id.empty() || only.owner_id == view.owner_id);
}

bool CardExchange::IsReceived(const OpenedView& view) const {
  for (const auto& [id, receiver] : receivers_) {
    if (Matches(receiver, view)) return true;
  }
  return false;
}

// Gives the view to who has least to do, or has it wait.
void CardExchange::Place(const Ticket& ticket, Open& open, Handings& handings) {
  const auto rank = [](const Receiver& receiver) {
    return std::pair(receiver.outstanding + receiver.missed, receiver.last_given);
  };
  auto best = receivers_.end();
  for (auto at = receivers_.begin(); at != receivers_.end(); ++at) {
    const Receiver& receiver = at->second;
    if (receiver.outstanding >= receiver.outstanding_max || !Matches(receiver, *open.view)) {
      continue;
    }
    if (best == receivers_.end() || rank(receiver) < rank(best->second)) best = at;
  }
  if (best == receivers_.end()) {
    open.holder = kNobody;
    waiting_.emplace(open.number, ticket);
  } else {
    Give(ticket, open, best->first, best->second, handings);
  }
}

void CardExchange::Give(const Ticket& ticket, Open& open, ReceiverId id, Receiver& receiver,
                        Handings& handings) {
  open.holder = id;
  ++receiver.outstanding;
  receiver.last_given = ++given_;
  handings.push_back({receiver.receiver, TokenOf(ticket), open.view});
}

// Gives a receiver that has room what waits for one like it.
void CardExchange::Refill(ReceiverId id, Handings& handings) {
  const auto found = receivers_.find(id);
  if (found == receivers_.end()) return;
  Receiver& receiver = found->second;
  for (auto at = waiting_.begin();
       at != waiting_.end() && receiver.outstanding < receiver.outstanding_max;) {
    Open& open = open_.at(at->second);
    if (!Matches(receiver, *open.view)) {
      ++at;
      continue;
    }
    Give(at->second, open, id, receiver, handings);
    at = waiting_.erase(at);
  }
}

CardExchange::Open CardExchange::Close(OpenViews::iterator at, CardViewEnd end,
                                       Handings& handings) {
  const Ticket ticket = at->first;
  Open open = std::move(at->second);
  open_.erase(at);
  bytes_ -= open.view->resource.size();
  metrics_.views[static_cast<size_t>(end)].Add();
  closed_.emplace(ticket, end);
  closed_order_.push_back(ticket);
  if (closed_order_.size() > kClosedMax) {
    closed_.erase(closed_order_.front());
    closed_order_.pop_front();
  }
  if (open.holder == kNobody) {
    waiting_.erase(open.number);
  } else if (const auto holder = receivers_.find(open.holder); holder != receivers_.end()) {
    --holder->second.outstanding;
    if (end == CardViewEnd::kAnswered) holder->second.missed = 0;
    if (end == CardViewEnd::kTimedOut) ++holder->second.missed;
    Refill(open.holder, handings);
  }
  return open;
}

absl::Status CardExchange::WhyClosed(std::string_view token, const Ticket& ticket) const {
  const auto found = closed_.find(ticket);
  if (found == closed_.end()) return UnknownToken(token);
  if (found->second == CardViewEnd::kAnswered) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     "the card view of answer_token was answered before",
                     reason::kCardViewAnswered);
  }
  if (draining_) return Draining();
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   "the deadline of the card view has passed: nobody waits for the answer any more",
                   reason::kCardViewDeadlinePassed);
}

}  // namespace tributary
