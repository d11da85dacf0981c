#include "server/store/sqlite/ledger_upkeep.h"

#include <algorithm>
#include <vector>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {
namespace {

constexpr size_t kRowsMin = 16;  // that one slice may remove, however little was committed

}  // namespace

LedgerUpkeep::LedgerUpkeep(SQLite::Database& database, Bodies& bodies, OpenDeliveries& open,
                           const SqliteOptions& options)
    : bodies_(bodies),
      open_(open),
      kept_us_(std::max(options.ledger_retention_us, options.idempotency_window_us)),
      walk_rows_(database,
                 "SELECT number, received_us, verdict FROM delivery WHERE number > ?"
                 " ORDER BY number LIMIT ?"),
      delete_row_(database, "DELETE FROM delivery WHERE number = ? RETURNING verdict"),
      count_(database,
             "SELECT EXISTS (SELECT 1 FROM delivery WHERE number = ?1)"
             " OR EXISTS (SELECT 1 FROM body WHERE delivery = ?1)"),
      put_meta_(database, "UPDATE meta SET value = ?2 WHERE key = ?1") {}

void LedgerUpkeep::WriteSlice(size_t rows, int64_t now_us, const Given& given) {
  if (Due(now_us) && Walk(std::max(rows, kRowsMin), now_us - kept_us_, given)) {
    next_us_ = std::max(next_us_, now_us + 1);
  }
  bodies_.Trim();
  open_.Write();
}

bool LedgerUpkeep::Walk(size_t rows, int64_t before_us, const Given& given) {
  std::vector<int64_t> over;
  bool at_end = true;
  {
    Query query(walk_rows_);
    const int64_t from = walk_;
    query.Bind(from).Bind(static_cast<int64_t>(rows));
    size_t count = 0;
    next_us_ = before_us + 2 * kept_us_;  // as long as a delivery that comes now is kept
    for (; query.Next(); ++count) {
      if (query.Int(1) > before_us) {
        next_us_ = query.Int(1) + kept_us_;
        break;
      }
      walk_ = query.Int(0);
      const auto verdict = static_cast<Verdict>(query.Int(2));
      if (verdict != Verdict::kParked && verdict != Verdict::kRejected) over.push_back(walk_);
    }
    at_end = count < rows;
  }
  if (!at_end) next_us_ = 0;
  if (!over.empty()) Note(given);
  for (const int64_t number : over) Remove(number);
  // Files of older versions hold bodies without such a row.
  for (size_t left = rows; left > 0 && bodies_.DropAccepted(walk_); --left) {
  }
  return at_end;
}

int64_t LedgerUpkeep::Purge(std::span<const int64_t> numbers, const Given& given) {
  Note(given);
  int64_t purged = 0;
  for (const int64_t number : numbers) {
    {
      Query known(count_);
      known.Bind(number);
      known.Next();
      purged += known.Int(0);
    }
    Remove(number);
  }
  bodies_.Trim();
  open_.Write();
  return purged;
}

void LedgerUpkeep::Remove(int64_t number) {
  {
    Query removed(delete_row_);
    removed.Bind(number);
    while (removed.Next()) open_.Removed(static_cast<Verdict>(removed.Int(0)));
  }
  bodies_.Drop(number);
}

void LedgerUpkeep::Note(const Given& given) {
  Query(put_meta_).BindText(kGivenDelivery).Bind(given.delivery).Run();
  Query(put_meta_).BindText(kGivenReceived).Bind(given.received_us).Run();
}

void LedgerUpkeep::LookAgain(int64_t number) {
  walk_ = std::min(walk_, number - 1);
  next_us_ = 0;
}

void LedgerUpkeep::RolledBack() {
  walk_ = std::min(walk_, durable_);
  next_us_ = 0;
}

}  // namespace tributary::sqlite
