// Whatever happens to it, a follower that applies what comes holds exactly what a List would show.
// Then the same over stores that break one rule each: every one of them is found out.

#include "tests/watch/resume_simulation.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/watch/model_store.h"

namespace tributary::testing {
namespace {

class ModelWorld final : public World {
 public:
  explicit ModelWorld(ModelStore::Fault fault) { store_.fault = fault; }
  Store& store() override { return store_; }
  void Compact(Revision floor, Revision tombstone_floor) override {
    store_.Compact(floor, tombstone_floor);
  }

 private:
  ModelStore store_;
};

// Compacts by itself, beside commits and after them.
class SqliteWorld final : public World {
 public:
  SqliteWorld() { Restart(); }
  Store& store() override { return *store_; }
  void Compact(Revision, Revision) override {}
  void Tick() override { clock_.Advance(1'000'000); }

  void Restart() override {
    store_.reset();
    SqliteOptions options;
    options.path = dir_.File("store.db");
    options.late_changes_max = 3;
    options.history_max_changes = 10;
    options.history_retention_us = 0;
    options.tombstone_retention_us = 60'000'000;  // changes are a second apart
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options, clock_));
  }

 private:
  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
};

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

// Runs seeds until one fails; the sum of what they proved.
Report RunSeeds(int seeds, ModelStore::Fault fault) {
  const int first = FromEnvironment("TRIBUTARY_TEST_SEED", 0);
  Report sum;
  for (int seed = first; seed < first + seeds; ++seed) {
    ModelWorld world(fault);
    const Report report = Simulation(world, static_cast<uint64_t>(seed)).Run(120);
    sum.states_checked += report.states_checked;
    sum.expired += report.expired;
    sum.moved += report.moved;
    sum.coalesced += report.coalesced;
    if (report.fault.empty()) continue;
    sum.fault = absl::StrCat("seed ", seed, ": ", report.fault);
    break;
  }
  return sum;
}

TEST(ResumeSimulation, WhoeverAppliesWhatComesHoldsWhatAListShows) {
  const int seeds = FromEnvironment("TRIBUTARY_TEST_SEEDS", 2'000);
  const Report report = RunSeeds(seeds, ModelStore::Fault::kNone);
  EXPECT_EQ(report.fault, "") << "(TRIBUTARY_TEST_SEED=N TRIBUTARY_TEST_SEEDS=1 repeats one)";
  std::cout << report.states_checked << " states checked, " << report.expired << " expired, "
            << report.moved << " snapshots moved, " << report.coalesced << " coalesced changes\n";
  // None of it by never coming to the point.
  EXPECT_GT(report.states_checked, seeds * 20);
  EXPECT_GT(report.expired, 0);
  EXPECT_GT(report.moved, seeds / 10);
  EXPECT_GT(report.coalesced, seeds);
}

TEST(ResumeSimulation, HoldsOverAStoreInAFileToo) {
  const int first =
      FromEnvironment("TRIBUTARY_TEST_SEED", static_cast<int>(std::random_device{}() % 1'000'000));
  std::cout << "seed " << first << " (TRIBUTARY_TEST_SEED repeats it)\n";
  Report sum;
  for (int seed = first; seed < first + 6; ++seed) {
    SqliteWorld world;
    const Report report = Simulation(world, static_cast<uint64_t>(seed)).Run(150);
    ASSERT_EQ(report.fault, "") << "seed " << seed;
    sum.coalesced += report.coalesced;
    sum.moved += report.moved;
  }
  std::cout << sum.moved << " snapshots moved, " << sum.coalesced << " coalesced changes\n";
  EXPECT_GT(sum.coalesced, 0);
}

struct Mutant {
  const char* name;
  ModelStore::Fault fault;
};

class BrokenStore : public ::testing::TestWithParam<Mutant> {};
INSTANTIATE_TEST_SUITE_P(
    Rules, BrokenStore,
    ::testing::Values(Mutant{"PredecessorGoesEarly", ModelStore::Fault::kPredecessorGoesEarly},
                      Mutant{"TombstoneGoesEarly", ModelStore::Fault::kTombstoneGoesEarly},
                      Mutant{"HidesWhatRepeats", ModelStore::Fault::kHidesWhatRepeats},
                      Mutant{"FloorIsNotTold", ModelStore::Fault::kFloorIsNotTold},
                      Mutant{"FloorOfBefore", ModelStore::Fault::kFloorOfBefore},
                      Mutant{"HorizonIsNotTold", ModelStore::Fault::kHorizonIsNotTold},
                      Mutant{"CompactedShowsTheHead", ModelStore::Fault::kCompactedShowsTheHead},
                      Mutant{"BoundaryIsSkipped", ModelStore::Fault::kBoundaryIsSkipped}),
    [](const auto& mutant) { return mutant.param.name; });

TEST_P(BrokenStore, IsFoundOut) {
  const Report report = RunSeeds(2'000, GetParam().fault);
  std::cout << report.fault << "\n";
  EXPECT_NE(report.fault, "");
}

}  // namespace
}  // namespace tributary::testing
