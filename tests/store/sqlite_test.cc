#include "server/store/sqlite/sqlite_store.h"

#include "tests/store/conformance.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {
namespace {

class SqliteEngine final : public Engine {
 public:
  absl::StatusOr<std::unique_ptr<Store>> Open(const EngineOptions& options,
                                              const Clock& clock) override {
    SqliteOptions sqlite;
    sqlite.path = dir_.File("store.db");
    sqlite.idempotency_window_us = options.idempotency_window_us;
    sqlite.changed_fields = options.changed_fields;
    return OpenSqliteStore(std::move(sqlite), clock);
  }

 private:
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance,
                         ::testing::Values([]() -> std::unique_ptr<Engine> {
                           return std::make_unique<SqliteEngine>();
                         }));

}  // namespace
}  // namespace tributary::testing
