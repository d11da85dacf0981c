#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"

namespace tributary {

// A card view in front of which a user waits.
struct OpenedView {
  std::string connector_id;
  std::string owner_id;
  std::string resource;     // encoded, without a revision: it is being stored
  int64_t deadline_us = 0;  // until when an answer is waited for
};

// Who takes views, as the exchange sees it. Called on any thread, without a lock held; must not
// block.
class CardReceiver {
 public:
  virtual ~CardReceiver() = default;

  // A view to be answered under `token`. May come shortly after Leave: then another has it too.
  virtual void Hand(std::string token, std::shared_ptr<const OpenedView> view) = 0;
  // Nothing comes any more: the server stops.
  virtual void Drain() = 0;
};

struct CardExchangeOptions {
  int receivers_max = limits::kCardReceiversMax;
  size_t views_max = limits::kCardViewsMax;  // that wait for an answer, in hand or not
  size_t bytes_max = limits::kCardViewBytesMax;
};

// What became of a view.
enum class CardViewEnd { kAnswered, kTimedOut, kNoReceiver, kOverflow, kDropped };
inline constexpr size_t kCardViewEnds = 5;

struct CardMetrics {
  std::array<Counter, kCardViewEnds> views;  // by how they ended
  Histogram answered{Histogram::kSeconds};   // from opened to answered
};

// Where card views meet their receivers. A view goes to one receiver at a time: of those that match
// it and have room, to the one with least in hand, in turn. It waits where none has room, and goes
// to the next where its receiver leaves. Everything is bounded.
//
// Keeps no time: who asks gives up when it is time to. Of an answer and a GiveUp exactly one
// succeeds. Thread-safe.
class CardExchange {
 public:
  using Ticket = Digest;
  using ReceiverId = uint64_t;
  // Called once, on any thread, without a lock held, with the cards as JSON; empty: the server
  // stops, and there are none. Must not block.
  using Answered = std::function<void(const Ticket& ticket, std::string cards)>;

  explicit CardExchange(CardExchangeOptions options = {}) : options_(options) {}
  CardExchange(const CardExchange&) = delete;
  CardExchange& operator=(const CardExchange&) = delete;

  // Has `view` answered. nullopt: nobody receives such views, or too many wait; `answered` is then
  // never called.
  std::optional<Ticket> Ask(OpenedView view, Answered answered) ABSL_LOCKS_EXCLUDED(mutex_);

  // Nobody waits any more; `why` is kTimedOut or kDropped. False: it was answered before, and the
  // answer is there or about to come.
  bool GiveUp(const Ticket& ticket, CardViewEnd why) ABSL_LOCKS_EXCLUDED(mutex_);

  // Which views a receiver takes; an empty name stands for all.
  struct Restriction {
    std::string connector_id;
    std::string owner_id;
  };
  // From now on views are handed to `receiver`, up to `outstanding_max` that it has not answered.
  // RESOURCE_EXHAUSTED (OVERLOADED) past the bound, UNAVAILABLE (SERVER_DRAINING) after Drain.
  absl::StatusOr<ReceiverId> Join(Restriction restriction, int outstanding_max,
                                  std::shared_ptr<CardReceiver> receiver)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // What it has in hand goes to others. Nothing if it has left before.
  void Leave(ReceiverId receiver) ABSL_LOCKS_EXCLUDED(mutex_);

  // `cards`, as JSON, are the answer to the view handed out under `token`. INVALID_ARGUMENT
  // (ANSWER_TOKEN_UNKNOWN), FAILED_PRECONDITION (CARD_VIEW_ANSWERED, CARD_VIEW_DEADLINE_PASSED) or
  // UNAVAILABLE (SERVER_DRAINING) where it is not waited for.
  absl::Status Answer(std::string_view token, std::string cards) ABSL_LOCKS_EXCLUDED(mutex_);

  // Every view is answered without cards, now and from now on; receivers are told.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);

  struct Survey {
    size_t receivers = 0;
    size_t in_hand = 0;
    size_t waiting = 0;  // for a receiver that has room
  };
  Survey TakeSurvey() const ABSL_LOCKS_EXCLUDED(mutex_);
  const CardMetrics& metrics() const { return metrics_; }

 private:
  static constexpr ReceiverId kNobody = 0;

  struct Receiver {
    Restriction restriction;
    int outstanding_max = 0;
    std::shared_ptr<CardReceiver> receiver;
    int outstanding = 0;
    int missed = 0;           // views in a row that it let pass: it comes later than who answers
    uint64_t last_given = 0;  // when, in views
  };
  struct Open {
    std::shared_ptr<const OpenedView> view;
    Answered answered;
    uint64_t number = 0;  // in the order they were opened
    ReceiverId holder = kNobody;
    Stopwatch since_opened;
  };
  using OpenViews = std::map<Ticket, Open>;
  // To be handed over once the lock is released.
  struct Handing {
    std::shared_ptr<CardReceiver> receiver;
    std::string token;
    std::shared_ptr<const OpenedView> view;
  };
  using Handings = std::vector<Handing>;

  static void HandOver(Handings handings);
  static bool Matches(const Receiver& receiver, const OpenedView& view);

  bool IsReceived(const OpenedView& view) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Place(const Ticket& ticket, Open& open, Handings& handings)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Give(const Ticket& ticket, Open& open, ReceiverId id, Receiver& receiver, Handings& handings)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Refill(ReceiverId id, Handings& handings) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Open Close(OpenViews::iterator at, CardViewEnd end, Handings& handings)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WhyClosed(std::string_view token, const Ticket& ticket) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CardExchangeOptions options_;
  CardMetrics metrics_;
  mutable Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  ReceiverId last_receiver_ ABSL_GUARDED_BY(mutex_) = kNobody;
  uint64_t last_view_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t given_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<ReceiverId, Receiver> receivers_ ABSL_GUARDED_BY(mutex_);
  OpenViews open_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Ticket> waiting_ ABSL_GUARDED_BY(mutex_);  // by number: the oldest first
  // How the last ones ended, so that a late answer can be told why it is one.
  std::map<Ticket, CardViewEnd> closed_ ABSL_GUARDED_BY(mutex_);
  std::deque<Ticket> closed_order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tributary
