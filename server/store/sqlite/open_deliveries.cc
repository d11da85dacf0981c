#include "server/store/sqlite/open_deliveries.h"

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {

OpenDeliveries::OpenDeliveries(SQLite::Database& database, SqliteMetrics& metrics)
    : metrics_(metrics), put_meta_(database, "UPDATE meta SET value = ?2 WHERE key = ?1") {
  counts_ = {ReadMeta(database, kParkedDeliveries), ReadMeta(database, kRejectedDeliveries)};
  Committed();
}

void OpenDeliveries::Count(Verdict verdict, int64_t n) {
  if (verdict == Verdict::kParked) counts_[kParked] += n;
  if (verdict == Verdict::kRejected) counts_[kRejected] += n;
}

void OpenDeliveries::Write() {
  if (counts_[kParked] != durable_[kParked]) {
    Query(put_meta_).BindText(kParkedDeliveries).Bind(counts_[kParked]).Run();
  }
  if (counts_[kRejected] != durable_[kRejected]) {
    Query(put_meta_).BindText(kRejectedDeliveries).Bind(counts_[kRejected]).Run();
  }
}

void OpenDeliveries::Committed() {
  durable_ = counts_;
  metrics_.parked.Set(durable_[kParked]);
  metrics_.rejected.Set(durable_[kRejected]);
}

}  // namespace tributary::sqlite
