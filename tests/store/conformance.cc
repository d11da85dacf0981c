#include "tests/store/conformance.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tributary::testing {

std::string Describe(const Change& change) {
  switch (change.kind) {
    case ChangeKind::kCreated:
      return absl::StrCat("C ", change.key.id, "=", change.state);
    case ChangeKind::kUpdated:
      return absl::StrCat("U ", change.key.id, "=", change.state);
    case ChangeKind::kDeleted:
      return absl::StrCat("D ", change.key.id);
    case ChangeKind::kHidden:
      return absl::StrCat("H ", change.key.id);
  }
  return "?";
}

Committed StoreConformance::CommitAll(const std::vector<Delivery>& batch) {
  auto committed = store_->Commit(batch);
  TRIBUTARY_EXPECT_OK(committed);
  if (!committed.ok()) return {std::vector<Outcome>(batch.size()), {}};
  EXPECT_EQ(committed->outcomes.size(), batch.size());
  return *std::move(committed);
}

std::string StoreConformance::StateOf(const Key& key) {
  const auto record = store_->Get(key, false);
  TRIBUTARY_EXPECT_OK(record);
  if (!record.ok() || !record->has_value()) return "(absent)";
  EXPECT_EQ((*record)->key, key);
  return (*record)->deleted ? "(deleted)" : (*record)->state;
}

std::vector<std::string> StoreConformance::ListAll(RecordQuery query) {
  std::vector<std::string> all;
  for (;;) {
    const auto page = store_->List(query);
    TRIBUTARY_EXPECT_OK(page);
    if (!page.ok()) return all;
    for (const Record& record : page->records) {
      EXPECT_FALSE(record.deleted);
      all.push_back(absl::StrCat(record.key.id, "=", record.state));
    }
    if (!page->next.has_value()) return all;
    if (query.after.has_value()) {
      EXPECT_LT(*query.after, *page->next);
    }
    query.after = page->next;
    query.revision = page->revision;
  }
}

std::vector<DeliveryRecord> StoreConformance::LedgerAll(DeliveryQuery query) {
  std::vector<DeliveryRecord> all;
  for (;;) {
    auto page = store_->ListDeliveries(query);
    TRIBUTARY_EXPECT_OK(page);
    if (!page.ok()) return all;
    for (DeliveryRecord& record : page->deliveries) all.push_back(std::move(record));
    if (!page->next.has_value()) return all;
    EXPECT_NE(*page->next, query.after);
    query.after = *page->next;
  }
}

DeliveryRecord StoreConformance::RecordOf(int64_t number) {
  auto record = store_->GetDelivery(number);
  TRIBUTARY_EXPECT_OK(record);
  if (!record.ok() || !record->has_value()) {
    ADD_FAILURE() << "delivery " << number << " is not on record";
    return {};
  }
  return **std::move(record);
}

std::vector<std::string> StoreConformance::ChangesAll(ChangeQuery query) {
  std::vector<std::string> all;
  for (;;) {
    const auto page = store_->Changes(query);
    TRIBUTARY_EXPECT_OK(page);
    if (!page.ok()) return all;
    for (const ChangePtr& change : page->changes) {
      EXPECT_GT(change->revision, query.after);
      EXPECT_LE(change->revision, page->through);
      all.push_back(Describe(*change));
    }
    if (page->through >= query.through.value_or(page->head)) return all;
    if (page->through <= query.after) {
      ADD_FAILURE() << "no progress at " << query.after;
      return all;
    }
    query.after = page->through;
  }
}

}  // namespace tributary::testing
