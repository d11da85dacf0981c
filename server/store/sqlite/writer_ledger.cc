// What the writer does for the ledger alone.

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/writer.h"

namespace tributary::sqlite {

LedgerUpkeep::Given Writer::GivenSoFar() const {
  return {position_.delivery, position_.received_us};
}

absl::StatusOr<std::vector<Outcome>> Writer::Rehearse(std::span<const Delivery> batch) {
  MutexLock lock(mutex_);
  try {
    if (!position_known_) LoadPosition();
    std::vector<Outcome> outcomes;
    Batch added = NewBatch();
    Query(begin_).Run();
    for (const Delivery& delivery : batch) outcomes.push_back(judge_.Decide(delivery, added));
    RollBack();
    return outcomes;
  } catch (...) {
    const absl::Status status = CurrentExceptionToStatus("read");
    RollBack();
    return status;
  }
}

absl::StatusOr<int64_t> Writer::Purge(std::span<const int64_t> numbers) {
  MutexLock lock(mutex_);
  try {
    SecureLog();
    if (!position_known_) LoadPosition();
    Query(begin_).Run();
    const int64_t purged = ledger_upkeep_.Purge(numbers, GivenSoFar());
    FaultPoint("purging");
    Query(commit_).Run();
    bodies_.Committed();
    open_deliveries_.Committed();
    ledger_upkeep_.Committed();
    return purged;
  } catch (...) {
    const absl::Status status = CurrentExceptionToStatus("written");
    RollBack();
    return status;
  }
}

// A version that a replay raised has an older number than what recovery looks for, so its pointer
// is written at once. Should that fail it is written with the others: the deliveries are on the
// disk.
void Writer::KeepRaises() {
  try {
    FinishLateWork();
  } catch (...) {
    (void)CurrentExceptionToStatus("brought up to date");
    RollBack();
  }
}

}  // namespace tributary::sqlite
