#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/error.h"
#include "server/watch/follower.h"
#include "tests/testing/fake_clock.h"

// Followers that are slow, cut off and resumed, over a store that is compacted and restarted under
// them, against a memory of every revision.
namespace tributary::testing {

using State = std::map<Key, std::string>;

inline constexpr int kKeys = 12;

// States are numbers: those with `remainder` modulo `modulus` match.
class Modulo final : public ChangeFilter, public RecordFilter {
 public:
  Modulo(int modulus, int remainder) : modulus_(modulus), remainder_(remainder) {}

  bool is_event() const override { return false; }
  bool Matches(const Record& record) const override { return Matches(record.state); }
  bool Matches(const Record& record, RecordLookup&) const override { return Matches(record.state); }
  Truth MatchesChange(const Change& change, bool) const override {
    return Matches(change.state) ? Truth::kYes : Truth::kNo;
  }
  bool Matches(const std::string& state) const { return std::stoi(state) % modulus_ == remainder_; }

 private:
  const int modulus_;
  const int remainder_;
};

// A store under test, and what the test does to it.
class World {
 public:
  virtual ~World() = default;
  virtual Store& store() = 0;
  virtual void Compact(Revision floor, Revision tombstone_floor) = 0;
  virtual void Restart() {}
  virtual void Tick() {}  // before each change
};

// What a run proved, or the first thing that was wrong.
struct Report {
  int states_checked = 0;
  int expired = 0;
  int moved = 0;
  int coalesced = 0;
  std::string fault;
};

class Simulation {
 public:
  Simulation(World& world, uint64_t seed) : world_(world), random_(seed), history_(1) { OpenHub(); }

  Report Run(int rounds) {
    Work(30);
    Publish();
    for (int i = 0; i < 3; ++i) clients_.push_back(MakeClient());
    for (int round = 0; round < rounds && report_.fault.empty(); ++round) {
      if (Chance(50)) Work(Below(8));
      if (Chance(25)) world_.Compact(LastRevision() - Below(10), LastRevision() - 25 - Below(55));
      if (Chance(80)) Publish();
      if (Chance(3)) Restart();
      for (Client& client : clients_) {
        if (Chance(60)) Step(client);
      }
    }
    Publish();
    for (Client& client : clients_) Finish(client);
    return report_;
  }

 private:
  struct Client {
    Selection selection;
    std::shared_ptr<const Modulo> filter;
    Position saved;  // with what `held` is
    State held;
    std::unique_ptr<Follower> follower;
  };

  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool Chance(int percent) { return Below(100) < percent; }
  Revision LastRevision() const { return static_cast<Revision>(history_.size()) - 1; }
  static Key KeyOf(int i) {
    return {"deal", "hubspot", i % 3 == 0 ? "globex" : "acme", std::to_string(i)};
  }

  void OpenHub() {
    const absl::StatusOr<Head> head = world_.store().GetHead();
    hub_ = std::make_unique<ChangeHub>(head.ok() ? head->revision : 0, 0,
                                       Chance(50) ? 1 : 200 + Below(5000));
    unpublished_.clear();
  }

  // The server: connections are lost, and the window with them.
  void Restart() {
    for (Client& client : clients_) client.follower.reset();
    hub_.reset();
    world_.Restart();
    OpenHub();
  }

  void Work(int changes) {
    for (int i = 0; i < changes; ++i) {
      const Key key = KeyOf(Below(kKeys));
      const bool alive = history_.back().contains(key);
      // Now and then what is deleted is deleted again.
      const bool deletes = Chance(alive ? 25 : 15);
      Send(key, deletes ? "" : std::to_string(Below(6) + 6 * static_cast<int>(history_.size())));
    }
  }

  void Send(const Key& key, const std::string& state) {
    Delivery delivery;
    delivery.connector_id = key.connector_id;
    delivery.owner_id = key.owner_id;
    delivery.event = "deal::updated";
    delivery.resource_id = key.id;
    delivery.idempotency_key = std::to_string(history_.size());
    delivery.arrived_us = FakeClock::kStart + static_cast<int64_t>(history_.size());
    Mutation mutation;
    mutation.key = key;
    mutation.rank = state.empty() ? Rank::kDeleted : Rank::kUpdated;
    mutation.state = state;
    delivery.mutations.push_back(mutation);
    delivery.content = Hasher().Add(delivery.idempotency_key).Finish();
    world_.Tick();
    const auto committed = world_.store().Commit({&delivery, 1});
    ASSERT_TRUE(committed.ok()) << committed.status();
    if (committed->changes.empty()) return;  // deleted again, which that store takes for the same
    unpublished_.push_back(committed->changes.front());
    history_.push_back(history_.back());
    state.empty() ? (void)history_.back().erase(key) : (void)(history_.back()[key] = state);
  }

  // Readers of the store may see what is not published yet.
  void Publish() {
    hub_->Publish(unpublished_);
    unpublished_.clear();
  }

  Client MakeClient() {
    Client client;
    client.selection = {{"deal"}, "", Chance(30) ? "acme" : ""};
    if (Chance(70)) {
      const int modulus = 2 + Below(2);
      client.filter = std::make_shared<Modulo>(modulus, Below(modulus));
    }
    client.saved = Chance(70) ? Position::Snapshot(hub_->head().revision) : Position::Tail(0);
    return client;
  }

  std::unique_ptr<Follower> Follow(const Client& client) {
    FollowerOptions options;
    options.selection = client.selection;
    options.start = client.saved;
    options.before = Chance(50);
    options.existing_filter = client.filter;
    options.filter = client.filter;
    const int sizes[] = {1, 2, 3, 50};
    options.batch_max = sizes[Below(4)];
    return std::make_unique<Follower>(world_.store(), *hub_, options);
  }

  // One response on its way: it may get lost, and the connection with it.
  bool Step(Client& client) {
    if (client.follower == nullptr || Chance(20)) client.follower = Follow(client);
    const Position before = client.follower->position();
    const absl::StatusOr<Follower::Batch> batch = client.follower->Next();
    if (!batch.ok()) {
      StartOver(client, batch.status());
      return false;
    }
    if (Chance(10)) {
      client.follower.reset();
      return false;
    }
    if (client.follower->position().move.has_value() && !before.move.has_value()) ++report_.moved;
    Apply(client, *batch);
    client.saved = client.follower->position();
    if (batch->revision != 0) CheckState(client, batch->revision);
    // Whatever happens until it is taken.
    const std::optional<ChangeQuery> ahead = client.follower->QueryAhead();
    if (ahead.has_value() && Chance(50)) client.follower->ReadAhead(*ahead);
    return batch->caught_up;
  }

  void StartOver(Client& client, const absl::Status& status) {
    if (DetailOf(status).reason != reason::kResumeTokenExpired) {
      return Fail(client, absl::StrCat("ended with ", status.ToString()));
    }
    if (client.saved == Position::Tail(0)) return Fail(client, "the beginning has expired");
    ++report_.expired;
    client.follower.reset();
    client.held.clear();
    client.saved = Position::Snapshot(hub_->head().revision);
  }

  void Apply(Client& client, const Follower::Batch& batch) {
    for (const Record& record : batch.existing) {
      if (client.held.contains(record.key)) Fail(client, "EXISTING is held: " + record.key.id);
      client.held[record.key] = record.state;
    }
    const bool in_delta =
        client.saved.stage == Position::Stage::kSnapshot || !batch.snapshot_complete;
    for (const ChangeRun& run : batch.changes) {
      for (const ChangePtr& change : run.changes()) {
        const Telling telling = run.telling.value_or(Plain(*change));
        if (!telling.coalesced) {
          CheckExact(client, *change, telling.type);
        } else {
          ++report_.coalesced;
          const Position& now = client.follower->position();
          const bool moves = now.stage == Position::Stage::kSnapshot && in_delta;
          if (!moves && change->revision > now.consistent_from) {
            Fail(client, absl::StrCat("coalesced above the floor: ", change->revision));
          }
        }
        const bool removes =
            telling.type == ChangeType::kDeleted || telling.type == ChangeType::kLeft;
        removes ? (void)client.held.erase(change->key)
                : (void)(client.held[change->key] = change->state);
      }
    }
  }

  static Telling Plain(const Change& change) {
    switch (change.kind) {
      case ChangeKind::kCreated:
        return {ChangeType::kCreated, false};
      case ChangeKind::kUpdated:
        return {ChangeType::kUpdated, false};
      default:
        return {ChangeType::kDeleted, false};
    }
  }

  // What is not coalesced is true to the letter.
  void CheckExact(const Client& client, const Change& change, ChangeType type) {
    const State& before = history_[static_cast<size_t>(change.revision) - 1];
    const bool existed = before.contains(change.key);
    const bool held = client.held.contains(change.key);
    const bool adds = type == ChangeType::kCreated || type == ChangeType::kEntered;
    if (held == adds) {
      Fail(client, absl::StrCat("revision ", change.revision, " of ", change.key.id, " is told as ",
                                static_cast<int>(type), held ? " but held" : " but not held"));
    }
    if (adds && existed != (type == ChangeType::kEntered)) {
      Fail(client, absl::StrCat("revision ", change.revision, ": CREATED and ENTERED mixed up"));
    }
    if (change.before != nullptr && (!existed || before.at(change.key) != change.before->state)) {
      Fail(client, absl::StrCat("revision ", change.revision, " has a wrong state before it"));
    }
  }

  void CheckState(const Client& client, Revision revision) {
    ++report_.states_checked;
    if (client.held != Listed(client, revision)) {
      Fail(client, absl::StrCat("does not hold the List of revision ", revision));
    }
  }

  State Listed(const Client& client, Revision revision) const {
    State listed = history_.at(static_cast<size_t>(revision));
    std::erase_if(listed, [&](const auto& entry) {
      const auto& [key, state] = entry;
      return !client.selection.Covers(key) ||
             (client.filter != nullptr && !client.filter->Matches(state));
    });
    return listed;
  }

  void Finish(Client& client) {
    for (int step = 0; report_.fault.empty(); ++step) {
      if (Step(client) && client.saved.revision == LastRevision())
        return CheckState(client, LastRevision());
      if (step > 5'000) return Fail(client, "never reaches the head");
    }
  }

  void Fail(const Client& client, std::string what) {
    if (!report_.fault.empty()) return;
    report_.fault = absl::StrCat("client ", &client - clients_.data(), " at ",
                                 client.saved.revision, "/", client.saved.consistent_from,
                                 client.saved.stage == Position::Stage::kTail ? "" : " (snapshot)",
                                 ", head ", LastRevision(), ": ", what);
  }

  World& world_;
  std::mt19937_64 random_;
  std::vector<State> history_;  // by revision
  std::vector<ChangePtr> unpublished_;
  std::unique_ptr<ChangeHub> hub_;
  std::vector<Client> clients_;
  Report report_;
};

}  // namespace tributary::testing
