#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/base/hash.h"
#include "server/store/types.h"
#include "tests/testing/fake_clock.h"

// Deliveries in a few words, for tests of a store:
//   Updated("a").At(10).State("x")         an update of "a", ten microseconds after the start
//   Deleted("a").At(11)
//   Updated("a").Embeds(Embedded("b").At(9).State("y"))
//   Updated("a").At(10).State("x").SeenAt(12).ArrivedAt(13)   a list showed it two later
namespace tributary::testing {

inline constexpr int64_t kStart = FakeClock::kStart;

inline Key KeyOf(std::string id, std::string owner = "acme", std::string connector = "hubspot",
                 std::string model = "deal") {
  return {std::move(model), std::move(connector), std::move(owner), std::move(id)};
}

class Say {
 public:
  Say(Rank rank, Key key) {
    mutation_.key = std::move(key);
    mutation_.rank = rank;
  }

  Say& At(int64_t micros) {
    mutation_.time_us = kStart + micros;
    return *this;
  }
  Say& State(std::string state) {
    mutation_.state = std::move(state);
    return *this;
  }
  Say& Raw(std::string raw) {
    mutation_.raw = std::move(raw);
    return *this;
  }
  // Only if this is what stands.
  Say& IfAt(Revision expected) {
    mutation_.expected = expected;
    return *this;
  }
  Say& WithKey(std::string idempotency_key) {
    idempotency_key_ = std::move(idempotency_key);
    return *this;
  }
  Say& ArrivedAt(int64_t micros) {
    arrived_us_ = kStart + micros;
    return *this;
  }
  // Found in a list of the source that was read then.
  Say& SeenAt(int64_t micros) {
    observed_us_ = kStart + micros;
    return *this;
  }
  Say& Embeds(const Say& other) {
    embedded_.push_back(other.mutation_);
    return *this;
  }
  Say& Parked() {
    intake_ = Delivery::Intake::kPark;
    return *this;
  }
  Say& Body(std::string body) {
    body_ = std::move(body);
    return *this;
  }
  Say& Warned(int64_t warnings) {
    warnings_ = warnings;
    return *this;
  }
  Say& Rejected() {
    intake_ = Delivery::Intake::kReject;
    return *this;
  }

  const Mutation& mutation() const { return mutation_; }

  operator Delivery() const {  // NOLINT: implicit, so that a batch is a list of sentences
    static std::atomic<int> unique = 0;
    Delivery delivery;
    delivery.connector_id = mutation_.key.connector_id;
    delivery.owner_id = mutation_.key.owner_id;
    delivery.event = mutation_.key.model + "::updated";
    delivery.resource_id = mutation_.key.id;
    delivery.idempotency_key =
        idempotency_key_.empty() ? "unique-" + std::to_string(++unique) : idempotency_key_;
    delivery.arrived_us = arrived_us_;
    delivery.observed_us = observed_us_;
    delivery.intake = intake_;
    Hasher content;
    if (intake_ == Delivery::Intake::kJudge) {
      delivery.mutations = embedded_;
      delivery.mutations.push_back(mutation_);
      for (const Mutation& mutation : delivery.mutations) {
        content.Add(mutation.key.id).Add(std::to_string(mutation.time_us.value_or(-1)));
        content.Add(mutation.state).Add(mutation.raw);
      }
    } else {
      content.Add(mutation_.state);
      delivery.body = mutation_.state;
    }
    delivery.content = content.Finish();
    delivery.warnings = warnings_;
    if (!body_.empty()) {
      const bool kept = intake_ != Delivery::Intake::kJudge || warnings_ > 0;
      (kept ? delivery.body : delivery.body_if_superseded) = body_;
    }
    return delivery;
  }

 private:
  Mutation mutation_;
  std::vector<Mutation> embedded_;
  std::string idempotency_key_;
  int64_t arrived_us_ = kStart;
  std::optional<int64_t> observed_us_;
  std::string body_;
  int64_t warnings_ = 0;
  Delivery::Intake intake_ = Delivery::Intake::kJudge;
};

// `delivery` once more, as what is on record of it.
inline Delivery Replayed(Delivery delivery, const DeliveryRecord& record) {
  delivery.replay = Replay{record.outcome.delivery, record.received_us, record.version};
  return delivery;
}

// A body unlike any other, so that it does not compress away.
inline std::string Noise(size_t bytes, uint32_t seed) {
  std::string text;
  while (text.size() < bytes) {
    seed = seed * 1664525 + 1013904223;
    text.push_back(static_cast<char>(seed >> 24));
  }
  return text;
}

// Of any scope, with a state that no other has.
inline Say In(const std::string& model, const std::string& connector, const std::string& owner,
              const std::string& id) {
  return Say(Rank::kUpdated, KeyOf(id, owner, connector, model))
      .State(model + connector + owner + id);
}
inline Say Created(std::string id) { return {Rank::kCreated, KeyOf(std::move(id))}; }
inline Say Updated(std::string id) { return {Rank::kUpdated, KeyOf(std::move(id))}; }
inline Say Deleted(std::string id) { return {Rank::kDeleted, KeyOf(std::move(id))}; }
inline Say Embedded(std::string id) { return {Rank::kEmbedded, KeyOf(std::move(id))}; }

}  // namespace tributary::testing
