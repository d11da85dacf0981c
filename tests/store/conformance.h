#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/store.h"
#include "tests/store/deliveries.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

// The promises of server/store/store.h, as tests that every engine must pass:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, ::testing::Values(SqliteEngine));
namespace tributary::testing {

struct EngineOptions {
  int64_t idempotency_window_us = 7LL * 24 * 3600 * 1'000'000;
  int64_t ledger_retention_us = 7LL * 24 * 3600 * 1'000'000;
  LedgerBodies ledger_bodies = LedgerBodies::kProblems;
  int64_t ledger_bytes_max = int64_t{1} << 30;
  std::function<std::string(const Record& before, const Record& after)> changed_fields;
};

// One place for data, empty at first, that is removed with the object.
class Engine {
 public:
  virtual ~Engine() = default;
  // Opens the store in that place. The one opened before is gone by then.
  virtual absl::StatusOr<std::unique_ptr<Store>> Open(const EngineOptions& options,
                                                      const Clock& clock) = 0;
};

using EngineFactory = std::unique_ptr<Engine> (*)();

class StoreConformance : public ::testing::TestWithParam<EngineFactory> {
 protected:
  StoreConformance() : engine_(GetParam()()) { Reopen(); }

  void Reopen(const EngineOptions& options = {}) {
    store_.reset();
    auto store = engine_->Open(options, clock_);
    TRIBUTARY_EXPECT_OK(store);
    if (store.ok()) store_ = *std::move(store);
  }

  // The outcomes; failing is a failure of the test.
  std::vector<Outcome> Commit(const std::vector<Delivery>& batch) {
    return CommitAll(batch).outcomes;
  }
  Committed CommitAll(const std::vector<Delivery>& batch);
  Outcome CommitOne(const Delivery& delivery) { return Commit({delivery}).at(0); }

  // "state", "(deleted)" or "(absent)".
  std::string StateOf(const std::string& id) { return StateOf(KeyOf(id)); }
  std::string StateOf(const Key& key);
  Revision HeadRevision() { return store_->GetHead()->revision; }

  // All pages of a List, however short: "id=state".
  std::vector<std::string> ListAll(RecordQuery query = {});
  // All pages of Changes up to the head: "C id=state", "U id=state" or "D id".
  std::vector<std::string> ChangesAll(ChangeQuery query = {});

  // All pages of the ledger.
  std::vector<DeliveryRecord> LedgerAll(DeliveryQuery query = {});
  DeliveryRecord RecordOf(int64_t number);

  FakeClock clock_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Store> store_;
};

std::string Describe(const Change& change);

MATCHER_P2(Is, verdict, revision, "") {
  *result_listener << "verdict " << static_cast<int>(arg.verdict) << ", revision " << arg.revision;
  return arg.verdict == verdict && arg.revision == revision;
}

}  // namespace tributary::testing
