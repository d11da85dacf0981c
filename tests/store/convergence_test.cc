// The order of arrival doesn't matter, and a random workload leaves what a trivial model says it
// leaves.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/deliveries.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {
namespace {

// Printed, so that a failure can be run again: TRIBUTARY_TEST_SEED=….
uint32_t Seed() {
  const char* given = std::getenv("TRIBUTARY_TEST_SEED");
  const uint32_t seed = given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10))
                                         : std::random_device()();
  std::printf("TRIBUTARY_TEST_SEED=%u\n", seed);
  return seed;
}

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int Below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(engine_); }
  bool OneIn(int n) { return Below(n) == 0; }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_;
};

class StoreProperty : public ::testing::Test {
 protected:
  void Open(int64_t window_us) {
    store_.reset();
    SqliteOptions options;
    options.path = dir_.File("store.db");
    options.idempotency_window_us = window_us;
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(std::move(options), clock_));
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
};

// --- Convergence
// ---------------------------------------------------------------------------------------

using Convergence = StoreProperty;

// The deliveries, moved to a tenant of their own: one store serves every order.
std::vector<Delivery> ForOwner(std::vector<Delivery> deliveries, const std::string& owner) {
  for (Delivery& delivery : deliveries) {
    delivery.owner_id = owner;
    for (Mutation& mutation : delivery.mutations) mutation.key.owner_id = owner;
  }
  return deliveries;
}

std::string StatesOf(Store& store, const std::string& owner) {
  std::string all;
  for (const char* id : {"a", "b", "c"}) {
    const auto record = store.Get(KeyOf(id, owner), true);
    TRIBUTARY_EXPECT_OK(record);
    if (!record->has_value()) {
      absl::StrAppend(&all, id, " absent; ");
    } else {
      const Record& found = **record;
      absl::StrAppend(&all, id, found.deleted ? " deleted; " : "=", found.state, "+", found.raw,
                      "; ");
    }
  }
  return all;
}

// Between two and six deliveries about three resources; no two of their words have one time.
std::vector<Delivery> DeliveriesWithDistinctTimes(Random& random) {
  std::vector<int> times(40);
  std::iota(times.begin(), times.end(), 1);
  std::shuffle(times.begin(), times.end(), random.engine());
  const auto say = [&](Rank rank) {
    Say word(rank, KeyOf(std::string(1, static_cast<char>('a' + random.Below(3)))));
    word.At(times.back());
    times.pop_back();
    // Few states, so that some are equal.
    if (rank != Rank::kDeleted) word.State(absl::StrCat("s", random.Below(3))).Raw("r");
    return word;
  };
  std::vector<Delivery> deliveries;
  for (int count = 4 + random.Below(3); count > 0; --count) {
    const Rank ranks[] = {Rank::kCreated, Rank::kUpdated, Rank::kUpdated, Rank::kDeleted};
    Say delivery = say(ranks[random.Below(4)]);
    for (int i = random.Below(3); i > 0; --i) delivery.Embeds(say(Rank::kEmbedded));
    deliveries.push_back(delivery);
  }
  return deliveries;
}

TEST_F(Convergence, DeliveriesWithDistinctTimesEndInOneStateInWhateverOrderTheyArrive) {
  Random random(Seed());
  Open(7LL * 24 * 3600 * 1'000'000);
  for (int set = 0; set < 6; ++set) {
    const std::vector<Delivery> deliveries = DeliveriesWithDistinctTimes(random);
    std::vector<int> order(deliveries.size());
    std::iota(order.begin(), order.end(), 0);
    std::string first_states;
    do {
      std::string owner = absl::StrCat("set", set);
      std::vector<Delivery> arriving;
      for (const int i : order) {
        absl::StrAppend(&owner, "-", i);
        arriving.push_back(deliveries[static_cast<size_t>(i)]);
      }
      arriving = ForOwner(std::move(arriving), owner);
      const auto cut = static_cast<size_t>(random.Below(static_cast<int>(arriving.size()) + 1));
      const std::span<const Delivery> all(arriving);
      TRIBUTARY_ASSERT_OK(store_->Commit(all.first(cut)));
      TRIBUTARY_ASSERT_OK(store_->Commit(all.subspan(cut)));
      const std::string states = StatesOf(*store_, owner);
      if (first_states.empty()) first_states = states;
      ASSERT_EQ(states, first_states) << owner;
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

// --- A random workload against a model
// -----------------------------------------------------------------

// The rules of the store in their simplest form: everything in memory, nothing clever.
class Model {
 public:
  explicit Model(int64_t window_us) : window_us_(window_us) {}

  Outcome Commit(const Delivery& delivery) {
    Outcome outcome;
    outcome.delivery = ++deliveries_;
    received_us_ = std::max(delivery.arrived_us, received_us_ + 1);
    if (delivery.intake == Delivery::Intake::kReject) {
      outcome.verdict = Verdict::kRejected;
      return outcome;
    }
    const auto name = std::make_tuple(delivery.connector_id, delivery.owner_id, delivery.event,
                                      delivery.resource_id, delivery.idempotency_key,
                                      delivery.content.high, delivery.content.low);
    if (const auto found = seen_.find(name);
        found != seen_.end() && found->second.first >= received_us_ - window_us_) {
      outcome.verdict = Verdict::kDuplicate;
      outcome.revision = found->second.second;
      return outcome;
    }
    if (delivery.intake == Delivery::Intake::kPark) {
      outcome.verdict = Verdict::kParked;
    } else {
      const Mutation& own = delivery.mutations.back();
      std::optional<int64_t> seen = delivery.observed_us;
      if (seen.has_value()) seen = std::min(*seen, received_us_);
      if (own.IsDelete()) seen.reset();
      const int64_t own_time = own.time_us.value_or(seen.value_or(received_us_));
      for (const Mutation& mutation : delivery.mutations) {
        if (own.IsDelete() && &mutation != &own) continue;
        Judge(mutation, {mutation.time_us.value_or(own_time), mutation.rank, deliveries_},
              &mutation == &own ? seen : std::nullopt, outcome);
      }
    }
    seen_[name] = {received_us_, outcome.revision};
    return outcome;
  }

  std::vector<std::string> List(const Selection& selection, Revision at) const {
    std::map<Key, const Change*> newest;
    for (const Change& change : log_) {
      if (change.revision <= at && selection.Covers(change.key)) newest[change.key] = &change;
    }
    std::vector<std::string> all;
    for (const auto& [key, change] : newest) {
      if (Alive(*change))
        all.push_back(absl::StrCat(key.model, key.connector_id, key.owner_id, key.id, "@",
                                   change->revision, "=", change->state));
    }
    return all;
  }

  std::vector<std::string> Changes(const Selection& selection, Revision after,
                                   Revision through) const {
    std::vector<std::string> all;
    for (const Change& change : log_) {
      if (change.revision > after && change.revision <= through && selection.Covers(change.key) &&
          change.kind != ChangeKind::kHidden) {
        all.push_back(Describe(change));
      }
    }
    return all;
  }

  static std::string Describe(const Change& change) {
    return absl::StrCat(change.revision, "<", change.prev, " ", static_cast<int>(change.kind), " ",
                        change.key.model, change.key.connector_id, change.key.owner_id,
                        change.key.id, "=", change.state, "+", change.raw, " by ", change.delivery);
  }

  Revision head() const { return static_cast<Revision>(log_.size()); }

 private:
  struct Standing {
    Version version;
    size_t change = 0;  // in log_
  };

  static bool Alive(const Change& change) {
    return change.kind == ChangeKind::kCreated || change.kind == ChangeKind::kUpdated;
  }

  void Judge(const Mutation& mutation, Version version, const std::optional<int64_t>& seen,
             Outcome& outcome) {
    const auto at = standing_.find(mutation.key);
    const Change* before = at == standing_.end() ? nullptr : &log_[at->second.change];
    outcome.revision = before == nullptr ? 0 : before->revision;
    const bool alive = before != nullptr && Alive(*before);
    const bool same = before != nullptr && alive != mutation.IsDelete() &&
                      before->state == mutation.state && before->raw == mutation.raw;
    if (before != nullptr && version <= at->second.version) {
      outcome.verdict = same && seen.has_value() ? Verdict::kUnchanged : Verdict::kSuperseded;
      if (alive || !seen.has_value() || at->second.version.time_us >= *seen) return;
      version.time_us = at->second.version.time_us + 1;
    }
    outcome.verdict = same ? Verdict::kUnchanged : Verdict::kApplied;
    if (same) {
      at->second.version = version;
      return;
    }
    Change change;
    change.revision = outcome.revision = head() + 1;
    change.prev = before == nullptr ? 0 : before->revision;
    change.key = mutation.key;
    change.state = mutation.state;
    change.raw = mutation.raw;
    change.delivery = version.delivery;
    change.kind = mutation.IsDelete() ? (alive ? ChangeKind::kDeleted : ChangeKind::kHidden)
                                      : (alive ? ChangeKind::kUpdated : ChangeKind::kCreated);
    log_.push_back(change);
    standing_[mutation.key] = {version, log_.size() - 1};
  }

  const int64_t window_us_;
  std::map<std::tuple<std::string, std::string, std::string, std::string, std::string, uint64_t,
                      uint64_t>,
           std::pair<int64_t, Revision>>
      seen_;
  std::map<Key, Standing> standing_;
  std::vector<Change> log_;
  int64_t deliveries_ = 0;
  int64_t received_us_ = 0;
};

class RandomWorkload : public StoreProperty {
 protected:
  static constexpr int64_t kWindow = 300;

  Key RandomKey() {
    return KeyOf(absl::StrCat(random_.Below(4)), absl::StrCat("o", random_.Below(3)),
                 absl::StrCat("c", random_.Below(2)), absl::StrCat("m", random_.Below(3)));
  }

  Say RandomWord(Rank rank) {
    Say word(rank, RandomKey());
    if (!random_.OneIn(4)) word.At(now_ - 50 + random_.Below(60));
    if (rank != Rank::kDeleted) {
      word.State(absl::StrCat("s", random_.Below(4)));
      if (random_.OneIn(2)) word.Raw(absl::StrCat("r", random_.Below(3)));
    }
    return word;
  }

  Delivery RandomDelivery() {
    if (!sent_.empty() && random_.OneIn(5)) {
      Delivery again = sent_[static_cast<size_t>(random_.Below(static_cast<int>(sent_.size())))];
      again.arrived_us = kStart + now_;
      return again;
    }
    const Rank ranks[] = {Rank::kCreated, Rank::kUpdated, Rank::kUpdated, Rank::kDeleted};
    Say word = RandomWord(ranks[random_.Below(4)]);
    for (int i = random_.Below(4) - 1; i > 0; --i) word.Embeds(RandomWord(Rank::kEmbedded));
    word.ArrivedAt(now_ - random_.Below(3));
    if (random_.OneIn(4)) word.SeenAt(now_ - random_.Below(60) + 5);
    word.WithKey(absl::StrCat("k", random_.Below(1000)));
    if (random_.OneIn(20)) word.Parked();
    if (random_.OneIn(20)) word.Rejected();
    sent_.push_back(word);
    return sent_.back();
  }

  Selection RandomSelection() {
    Selection selection;
    for (int i = 0; i < 3; ++i) {
      if (random_.OneIn(3)) selection.models.push_back(absl::StrCat("m", i));
    }
    if (random_.OneIn(2)) selection.connector_id = absl::StrCat("c", random_.Below(2));
    if (random_.OneIn(2)) selection.owner_id = absl::StrCat("o", random_.Below(3));
    return selection;
  }

  void CommitBatch() {
    std::vector<Delivery> batch;
    for (int i = random_.Below(8); i >= 0; --i) {
      now_ += random_.Below(5);
      batch.push_back(RandomDelivery());
    }
    const auto committed = store_->Commit(batch);
    TRIBUTARY_ASSERT_OK(committed);
    for (size_t i = 0; i < batch.size(); ++i) {
      const Outcome want = model_.Commit(batch[i]);
      const Outcome& got = committed->outcomes[i];
      ASSERT_EQ(got.verdict, want.verdict) << "delivery " << want.delivery;
      ASSERT_EQ(got.revision, want.revision) << "delivery " << want.delivery;
      ASSERT_EQ(got.delivery, want.delivery);
    }
  }

  void CompareList() {
    RecordQuery query;
    query.selection = RandomSelection();
    query.revision = random_.Below(static_cast<int>(model_.head()) + 1);
    query.max_records = 1 + random_.Below(20);
    std::vector<std::string> all;
    for (bool more = true; more;) {
      const auto page = store_->List(query);
      TRIBUTARY_ASSERT_OK(page);
      for (const Record& record : page->records) {
        const Key& key = record.key;
        all.push_back(absl::StrCat(key.model, key.connector_id, key.owner_id, key.id, "@",
                                   record.revision, "=", record.state));
      }
      query.after = page->next;
      more = page->next.has_value();
    }
    ASSERT_EQ(all, model_.List(query.selection, *query.revision)) << "at " << *query.revision;
  }

  void CompareChanges() {
    ChangeQuery query;
    query.selection = RandomSelection();
    query.after = random_.Below(static_cast<int>(model_.head()) + 1);
    query.max_changes = 1 + random_.Below(50);
    query.raw = true;
    const Revision after = query.after;
    std::vector<std::string> all;
    while (query.after < model_.head()) {
      const auto page = store_->Changes(query);
      TRIBUTARY_ASSERT_OK(page);
      for (const ChangePtr& change : page->changes) all.push_back(Model::Describe(*change));
      ASSERT_GT(page->through, query.after);
      query.after = page->through;
    }
    ASSERT_EQ(all, model_.Changes(query.selection, after, model_.head())) << "after " << after;
  }

  Random random_{Seed()};
  Model model_{kWindow};
  int64_t now_ = 1000;
  std::vector<Delivery> sent_;
};

TEST_F(RandomWorkload, LeavesWhatTheModelSays) {
  Open(kWindow);
  for (int step = 0; step < 400 && !HasFatalFailure(); ++step) {
    CommitBatch();
    if (HasFatalFailure()) break;
    CompareList();
    CompareChanges();
    if (random_.OneIn(40)) Open(kWindow);
  }
}

}  // namespace
}  // namespace tributary::testing
