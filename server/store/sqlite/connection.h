#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"

namespace tributary::sqlite {

// A stored row that is not what was written: its checksum or its key is wrong, or it is missing.
// Thrown and caught within this folder only, as SQLite::Exception is.
class DamagedRow : public std::runtime_error {
 public:
  explicit DamagedRow(const std::string& what) : std::runtime_error(what) {}
};

// To be called before the first connection of the process; later it changes nothing. SQLite counts
// its memory otherwise, under one lock for all threads.
void ConfigureSqlite();

// Opens `path` for writing. The file keeps what Create (schema.h) set; this sets what a connection
// forgets: every commit waits for the disk, and no commit stops to check the log point in.
std::unique_ptr<SQLite::Database> OpenForWriting(const std::string& path, size_t cache_bytes);

// Opens `path` for reading only.
std::unique_ptr<SQLite::Database> OpenForReading(const std::string& path, size_t cache_bytes);

// Has `database`, which is in no transaction, read again what it reads next: what it holds of the
// file may be where the damage is.
void ForgetPages(SQLite::Database& database);

// The exception being handled as a status, and a line in the log. `doing` completes "the store
// can't be". DATA_LOSS for damage, else UNAVAILABLE; never SQL, never a path. Only inside a catch
// block.
absl::Status CurrentExceptionToStatus(std::string_view doing);

// One run of a prepared statement that is kept: binds from left to right without copying, so what
// is bound must live as long as the run, and resets the statement at the end.
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(statement) {}
  ~Query() { statement_.tryReset(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& Bind(int64_t value) {
    statement_.bind(next_++, value);
    return *this;
  }
  Query& Bind(std::string_view bytes) {
    statement_.bindNoCopy(next_++, bytes.data() == nullptr ? "" : bytes.data(),
                          static_cast<int>(bytes.size()));
    return *this;
  }
  Query& BindText(const std::string& text) {
    statement_.bindNoCopy(next_++, text);
    return *this;
  }

  bool Next() { return statement_.executeStep(); }
  void Run() {
    while (statement_.executeStep()) {
    }
  }

  bool IsNull(int column) const { return At(column).isNull(); }
  int64_t Int(int column) const { return At(column).getInt64(); }
  // Valid until the next step.
  std::string_view Bytes(int column) const {
    const SQLite::Column& value = At(column);
    const auto* data = static_cast<const char*>(value.getBlob());
    return {data == nullptr ? "" : data, static_cast<size_t>(value.getBytes())};
  }

 private:
  // Made once per run, not once per row: each holds a share of the statement.
  const SQLite::Column& At(int column) const {
    while (columns_.size() <= static_cast<size_t>(column)) {
      columns_.push_back(statement_.getColumn(static_cast<int>(columns_.size())));
    }
    return columns_[static_cast<size_t>(column)];
  }

  SQLite::Statement& statement_;
  int next_ = 1;
  mutable absl::InlinedVector<SQLite::Column, 24> columns_;
};

}  // namespace tributary::sqlite
