#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/deliveries.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {

// A store in a folder of its own, and ways around it to the file.
class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> TryOpen() { return TryOpen(path_); }
  absl::StatusOr<std::unique_ptr<Store>> TryOpen(const std::string& path) {
    SqliteOptions options = options_;
    options.path = path;
    return OpenSqliteStore(std::move(options), clock_);
  }
  void Open() {
    store_.reset();
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(store_, TryOpen());
  }
  void Close() { store_.reset(); }

  Committed Commit(const std::vector<Delivery>& batch) {
    auto committed = store_->Commit(batch);
    TRIBUTARY_EXPECT_OK(committed);
    return committed.ok() ? *std::move(committed) : Committed();
  }
  std::string StateOf(const std::string& id) {
    const auto record = store_->Get(KeyOf(id), false);
    TRIBUTARY_EXPECT_OK(record);
    if (!record.ok() || !record->has_value()) return "(absent)";
    return (*record)->deleted ? "(deleted)" : (*record)->state;
  }

  // What somebody else does to the file, while no store has it open.
  void Sql(const std::string& statement) {
    SQLite::Database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec(statement);
  }
  std::string Ask(const std::string& query) {
    SQLite::Database database(path_, SQLite::OPEN_READWRITE);
    return database.execAndGet(query).getString();
  }

  static std::string Content(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return std::move(content).str();
  }
  std::set<std::string> FilesInFolder() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  TempDir dir_;
  const std::string path_ = dir_.File("store.db");
  FakeClock clock_;
  SqliteOptions options_;
  std::unique_ptr<Store> store_;
};

}  // namespace tributary::testing
