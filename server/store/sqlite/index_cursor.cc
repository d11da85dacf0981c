#include "server/store/sqlite/index_cursor.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tributary::sqlite {
namespace {

// Read at once from each scope.
constexpr size_t kChunk = 64;

constexpr char kShown[] =
    " AND from_revision <= ?3 AND (until_revision = 0 OR until_revision > ?3)";

}  // namespace

IndexStatements::IndexStatements(SQLite::Database& database)
    : behind(database, absl::StrCat("SELECT value, id FROM entry WHERE scope = ?1 AND field = ?2"
                                    " AND (value, id) > (?4, ?5)",
                                    kShown, " ORDER BY value, id LIMIT ?6")),
      of_value(database, absl::StrCat("SELECT value, id FROM entry WHERE scope = ?1 AND field = ?2"
                                      " AND value = ?4 AND id > ?5",
                                      kShown, " ORDER BY id LIMIT ?6")),
      value_below(database, absl::StrCat("SELECT value FROM entry WHERE scope = ?1 AND field = ?2"
                                         " AND value < ?4",
                                         kShown, " ORDER BY value DESC LIMIT 1")) {}

IndexCursor::IndexCursor(IndexStatements& statements, const Overlay& overlay, Cover cover,
                         const Scope& scope, const IndexScan& scan, Revision at,
                         std::string_view after_value, std::optional<std::string_view> after)
    : statements_(statements),
      overlay_(overlay),
      cover_(std::move(cover)),
      scope_(scope),
      scan_(scan),
      at_(at),
      on_value_(after.has_value()) {
  if (after.has_value()) {
    value_ = scan.order == IndexScan::Order::kEqual ? scan.from : std::string(after_value);
    id_ = *after;
  } else if (scan.order == IndexScan::Order::kDescending) {
    // Above every value there is: none is longer than its field allows.
    value_ = scan.until.empty() ? std::string(8, '\xFF') : scan.until;
  } else {
    value_ = scan.from;
  }
}

const Overlay::Candidate* IndexCursor::Peek() {
  while (ready_.empty() && !ended_) Fill();
  return ready_.empty() ? nullptr : &ready_.front();
}

void IndexCursor::Fill() {
  if (scan_.order != IndexScan::Order::kDescending) {
    FillBehind(scan_.order == IndexScan::Order::kEqual);
    return;
  }
  if (!on_value_ && !StepDown()) {
    ended_ = true;
    return;
  }
  FillBehind(true);
  if (std::exchange(ended_, false)) on_value_ = false;
}

// Sets `ended_` if there is nothing behind what is ready.
void IndexCursor::FillBehind(bool equal) {
  // An id is never empty, so the empty one is before all.
  const std::string id = id_.value_or("");
  Overlay::Candidates late =
      overlay_.Behind(EntryKey(scope_.id, scan_.field, value_, id), equal, kChunk);
  cover_(late.age);
  std::vector<Overlay::Candidate> stored;
  {
    Query rows(equal ? statements_.of_value : statements_.behind);
    rows.Bind(scope_.id).Bind(scan_.field).Bind(at_).Bind(value_).Bind(id);
    rows.Bind(static_cast<int64_t>(kChunk));
    while (rows.Next()) {
      stored.push_back({std::string(rows.Bytes(0)), std::string(rows.Bytes(1))});
    }
  }
  // Where one of the two was cut off, what the other has behind that is for the next time.
  std::optional<Overlay::Candidate> end;
  if (stored.size() == kChunk) end = stored.back();
  if (late.candidates.size() == kChunk && (!end.has_value() || late.candidates.back() < *end)) {
    end = late.candidates.back();
  }
  std::vector<Overlay::Candidate> all;
  std::set_union(std::make_move_iterator(stored.begin()), std::make_move_iterator(stored.end()),
                 std::make_move_iterator(late.candidates.begin()),
                 std::make_move_iterator(late.candidates.end()), std::back_inserter(all));
  for (Overlay::Candidate& candidate : all) {
    if (end.has_value() && *end < candidate) break;
    if (scan_.order == IndexScan::Order::kRising && !scan_.until.empty() &&
        candidate.value >= scan_.until) {
      ended_ = true;
      break;
    }
    value_ = candidate.value;
    id_ = candidate.id;
    ready_.push_back(std::move(candidate));
  }
  if (!end.has_value()) ended_ = true;
}

bool IndexCursor::StepDown() {
  const Overlay::Value late = overlay_.ValueBelow(EntryKey(scope_.id, scan_.field, value_, ""));
  cover_(late.age);
  std::optional<std::string> next = late.value;
  {
    Query row(statements_.value_below);
    row.Bind(scope_.id).Bind(scan_.field).Bind(at_).Bind(value_);
    if (row.Next() && (!next.has_value() || *next < row.Bytes(0))) next = row.Bytes(0);
  }
  if (!next.has_value() || *next < scan_.from) return false;
  value_ = *std::move(next);
  id_.reset();
  on_value_ = true;
  return true;
}

}  // namespace tributary::sqlite
