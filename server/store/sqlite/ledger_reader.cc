#include "server/store/sqlite/ledger_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/sqlite/bodies.h"
#include "server/store/sqlite/ledger.h"
#include "server/store/sqlite/read_budget.h"
#include "server/store/sqlite/rows.h"

namespace tributary::sqlite {
namespace {

constexpr char kHasBody[] = ", EXISTS (SELECT 1 FROM body AS b WHERE b.delivery = ";
// Changes of embedded resources, and of replays, are not where a delivery is recorded.
constexpr char kOwn[] = " AND length(c.idempotency_key) > 0";

std::string SelectRows(std::string_view condition_and_order) {
  return absl::StrCat("SELECT ", kLedgerColumns, kHasBody, "d.number) FROM delivery AS d WHERE ",
                      std::string(condition_and_order));
}

std::string SelectChanges(std::string_view condition, std::string_view order) {
  return absl::StrCat("SELECT ", kChangeColumns, kHasBody, "c.delivery) FROM change AS c WHERE ",
                      std::string(condition), kOwn, " ORDER BY c.revision ", std::string(order));
}

size_t BytesOf(const DeliveryRecord& record) {
  return sizeof record + record.connector_id.size() + record.owner_id.size() + record.event.size() +
         record.resource_id.size() + record.idempotency_key.size() + record.problem.size() +
         record.remote_address.size() + record.body.size();
}

}  // namespace

LedgerReader::LedgerReader(SQLite::Database& database, const Scopes& scopes)
    : scopes_(scopes),
      probe_(database, absl::StrCat("SELECT c.revision, c.delivery FROM change AS c"
                                    " WHERE c.revision >= ?",
                                    kOwn, " ORDER BY c.revision LIMIT 1")),
      rows_newest_(database, SelectRows("d.number < ? AND d.number >= ? ORDER BY d.number DESC")),
      rows_oldest_(database, SelectRows("d.number >= ? AND d.number <= ? ORDER BY d.number")),
      changes_newest_(database, SelectChanges("c.revision < ? AND c.revision >= ?", "DESC")),
      changes_oldest_(database, SelectChanges("c.revision >= ? AND c.revision <= ?", "ASC")),
      body_(database,
            absl::StrCat("SELECT ", kBodyColumns, " FROM body AS b WHERE b.delivery = ?")) {}

int64_t LedgerReader::NumberMax(Revision head) {
  Query query(probe_);
  query.Bind(head + 1);
  return query.Next() ? query.Int(1) - 1 : std::numeric_limits<int64_t>::max() - 1;
}

Revision LedgerReader::RevisionOf(int64_t number, Revision head) {
  Revision before = 0;
  Revision found = head + 1;
  while (before + 1 < found) {
    const Revision middle = before + (found - before) / 2;
    Query query(probe_);
    query.Bind(middle);
    if (query.Next() && query.Int(0) <= head && query.Int(1) < number) {
      before = query.Int(0);
    } else {
      found = middle;
    }
  }
  return found;
}

DeliveryRecord LedgerReader::OfChange(const Query& query) const {
  const Scope* scope = scopes_.Find(query.Int(2));
  if (scope == nullptr) throw DamagedRow(absl::StrCat("scope ", query.Int(2), " is not known"));
  DeliveryRecord record = DeliveryRecordOf(ReadChange(query, 0, false, *scope));
  record.has_body = query.Int(kChangeColumnCount) != 0;
  return record;
}

DeliveryRecord LedgerReader::OfRow(const Query& query) {
  DeliveryRecord record = DeliveryRecordOf(ReadLedgerRow(query));
  record.has_body = query.Int(kLedgerColumnCount) != 0;
  return record;
}

// Both tables, as one list in the order of numbers.
class LedgerReader::Merge {
 public:
  Merge(LedgerReader& reader, const DeliveryQuery& query, Revision head)
      : reader_(reader),
        oldest_first_(query.oldest_first),
        rows_(oldest_first_ ? reader.rows_oldest_ : reader.rows_newest_),
        changes_(oldest_first_ ? reader.changes_oldest_ : reader.changes_newest_) {
    const int64_t number_max = reader.NumberMax(head);
    if (oldest_first_) {
      rows_.Bind(query.after + 1).Bind(std::min(number_max, query.until.value_or(number_max)));
      changes_.Bind(reader.RevisionOf(query.after + 1, head))
          .Bind(query.until.has_value() ? reader.RevisionOf(*query.until + 1, head) - 1 : head);
    } else {
      const bool begun = query.after > 0;
      rows_.Bind(begun ? std::min(query.after, number_max + 1) : number_max + 1).Bind(int64_t{1});
      changes_.Bind(begun ? reader.RevisionOf(query.after, head) : head + 1).Bind(int64_t{1});
    }
    StepRow();
    StepChange();
  }

  std::optional<DeliveryRecord> Next() {
    if (!row_.has_value() && !change_.has_value()) return std::nullopt;
    const bool both = row_.has_value() && change_.has_value();
    const int64_t row = row_.has_value() ? row_->outcome.delivery : 0;
    const int64_t change = change_.has_value() ? change_->outcome.delivery : 0;
    const bool row_first = !both ? row_.has_value() : oldest_first_ ? row <= change : row >= change;
    std::optional<DeliveryRecord> next = std::move(row_first ? row_ : change_);
    if (both && row == change) {  // the row knows more
      next->in_history = true;
      StepChange();
    }
    row_first ? StepRow() : StepChange();
    return next;
  }

 private:
  void StepRow() { row_ = rows_.Next() ? std::optional(OfRow(rows_)) : std::nullopt; }
  void StepChange() {
    change_ = changes_.Next() ? std::optional(reader_.OfChange(changes_)) : std::nullopt;
  }

  LedgerReader& reader_;
  const bool oldest_first_;
  Query rows_;
  Query changes_;
  std::optional<DeliveryRecord> row_;
  std::optional<DeliveryRecord> change_;
};

DeliveryPage LedgerReader::List(const DeliveryQuery& query, Revision head) {
  DeliveryPage page;
  if (query.after > 0) page.next = query.after;
  Merge merge(*this, query, head);
  ReadBudget budget;
  size_t bytes = 0;
  while (std::optional<DeliveryRecord> record = merge.Next()) {
    if (!budget.Take()) return page;
    const int64_t number = record->outcome.delivery;
    if (query.filter == nullptr || query.filter->Matches(*record)) {
      if (page.deliveries.size() >= static_cast<size_t>(std::max(query.max_deliveries, 1))) {
        return page;
      }
      if (query.bodies && record->has_body) ReadBodyInto(*record);
      bytes += BytesOf(*record);
      if (bytes > query.max_bytes && !page.deliveries.empty()) return page;
      page.deliveries.push_back(*std::move(record));
    }
    page.next = number;
  }
  page.next.reset();
  return page;
}

std::optional<DeliveryRecord> LedgerReader::Get(int64_t number, Revision head) {
  if (number <= 0) return std::nullopt;
  DeliveryQuery query;
  query.oldest_first = true;
  query.after = number - 1;
  query.until = number;
  std::optional<DeliveryRecord> record = Merge(*this, query, head).Next();
  if (record.has_value() && record->has_body) ReadBodyInto(*record);
  return record;
}

void LedgerReader::ReadBodyInto(DeliveryRecord& record) {
  Query query(body_);
  query.Bind(record.outcome.delivery);
  if (!query.Next()) return;
  record.body = ReadBody(query, 0, record.outcome.delivery);
  if (record.body_bytes == 0) record.body_bytes = static_cast<int64_t>(record.body.size());
}

}  // namespace tributary::sqlite
