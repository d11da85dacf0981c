#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/overlay.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/store.h"

namespace tributary::sqlite {

// An order over more scopes than are merged.
class TooManyScopes : public std::exception {
 public:
  const char* what() const noexcept override { return "too many scopes"; }
};

// The statements that read the table `entry`. Those that a scan needs are run one at a time, and
// none is left open between two calls.
struct IndexStatements {
  explicit IndexStatements(SQLite::Database& database);

  SQLite::Statement behind;       // a value and an id, in their order
  SQLite::Statement of_value;     // the ids of one value
  SQLite::Statement value_below;  // the greatest value below one
};

// Goes along the resources of one scope that may have a value at a revision: those that have it and
// some that had it a moment before, each with its value. Who asks has to look at the resource.
// Reads some at a time, from the table and from the overlay.
class IndexCursor {
 public:
  // Sees that the snapshot fits to what the overlay said.
  using Cover = std::function<void(const Overlay::Age&)>;

  // Begins behind the resource `after` with `after_value`; empty: at the beginning. What it is
  // given must outlive it.
  IndexCursor(IndexStatements& statements, const Overlay& overlay, Cover cover, const Scope& scope,
              const IndexScan& scan, Revision at, std::string_view after_value,
              std::optional<std::string_view> after);

  // The next one, which stays the next until Pop; null: that was all.
  const Overlay::Candidate* Peek();
  void Pop() { ready_.pop_front(); }
  const Scope& scope() const { return scope_; }

 private:
  void Fill();
  void FillBehind(bool equal);
  // Sets `value_` to the next lower value; false: there is none.
  bool StepDown();

  IndexStatements& statements_;
  const Overlay& overlay_;
  const Cover cover_;
  const Scope& scope_;
  const IndexScan& scan_;
  const Revision at_;
  std::deque<Overlay::Candidate> ready_;
  // Behind this value and this id; an id that is not there is before all.
  std::string value_;
  std::optional<std::string> id_;
  bool on_value_;  // kDescending: there are, or may be, more of `value_`
  bool ended_ = false;
};

}  // namespace tributary::sqlite
