#include "server/ingest/expiry.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/gathering.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"

namespace tributary {
namespace {

constexpr std::chrono::minutes kInterval{1};
constexpr int kChangesAtOnce = 256;  // little beside what webhooks put into the queue
constexpr int64_t kDayUs = 24LL * 3600 * 1'000'000;

Delivery Deletion(const Change& change, int64_t now_us) {
  Delivery delivery;
  delivery.connector_id = change.key.connector_id;
  delivery.owner_id = change.key.owner_id;
  delivery.event = absl::StrCat(change.key.model, "::deleted");
  delivery.resource_id = change.key.id;
  delivery.idempotency_key = absl::StrCat("retention-", change.revision);
  delivery.arrived_us = now_us;
  Mutation& mutation = delivery.mutations.emplace_back();
  mutation.key = change.key;
  mutation.rank = Rank::kDeleted;
  // The latest time that the state can have. What comes now has a later one, and stays.
  mutation.time_us = change.received_us + limits::kFutureMicrosMax;
  delivery.content = Hasher().Add(delivery.event).Add(delivery.idempotency_key).Finish();
  return delivery;
}

}  // namespace

Expiry::Expiry(const ModelRegistry& models, Store& store, Committer& committer, const Clock& clock)
    : store_(store), committer_(committer), clock_(clock) {
  for (const auto& model : models.models()) {
    if (model->retention_days() > 0) {
      rules_.push_back({model->name(), model->retention_days() * kDayUs});
    }
  }
}

void Expiry::Start() {
  if (!rules_.empty()) thread_ = std::thread([this] { Run(); });
}

void Expiry::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Expiry::Run() {
  for (;;) {
    // What cannot be done now can be done in a minute.
    if (const auto deleted = RunOnce(); !deleted.ok()) {
      LogWarning(absl::StrCat("old resources not deleted yet: ", deleted.status().message()));
    }
    const auto next = std::chrono::steady_clock::now() + kInterval;
    MutexLock lock(mutex_);
    while (!stopping_ && changed_.WaitUntil(mutex_, next)) {
    }
    if (stopping_) return;
  }
}

absl::StatusOr<int> Expiry::RunOnce() {
  int deleted = 0;
  for (Rule& rule : rules_) {
    TRIBUTARY_ASSIGN_OR_RETURN(const int of_model, Apply(rule));
    deleted += of_model;
  }
  return deleted;
}

absl::StatusOr<int> Expiry::Apply(Rule& rule) {
  int deleted = 0;
  const int64_t old_us = clock_.NowMicros() - rule.retention_us;
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (stopping_) return deleted;
    }
    ChangeQuery query;
    query.selection.models = {rule.model};
    query.after = rule.position;
    query.max_changes = kChangesAtOnce;
    TRIBUTARY_ASSIGN_OR_RETURN(const ChangePage page, store_.Changes(query));
    // They lie in the order of their commits.
    const auto young =
        std::find_if(page.changes.begin(), page.changes.end(),
                     [&](const ChangePtr& change) { return change->committed_us > old_us; });
    const std::span<const ChangePtr> old(page.changes.begin(), young);
    TRIBUTARY_ASSIGN_OR_RETURN(const int of_page, Delete(old));
    deleted += of_page;
    const bool all = young == page.changes.end();
    const Revision reached = all ? page.through : std::max(rule.position, (*young)->revision - 1);
    if (!all || page.through >= page.head || reached == rule.position) {
      rule.position = reached;
      return deleted;
    }
    rule.position = reached;
  }
}

absl::StatusOr<int> Expiry::Delete(std::span<const ChangePtr> changes) {
  int deleted = 0;
  absl::Status refused;
  const auto answers = std::make_shared<Gathering<absl::Status>>();
  for (const ChangePtr& change : changes) {
    if (IsTombstone(change->kind)) continue;
    TRIBUTARY_ASSIGN_OR_RETURN(const auto newest, store_.Get(change->key, /*raw=*/false));
    if (!newest.has_value() || newest->revision != change->revision) continue;
    refused = committer_.Submit(
        Deletion(*change, clock_.NowMicros()),
        [answers](const absl::StatusOr<Outcome>& outcome) { answers->Put(outcome.status()); });
    if (!refused.ok()) break;
    ++deleted;
  }
  for (const absl::Status& status : answers->Wait(static_cast<size_t>(deleted))) {
    TRIBUTARY_RETURN_IF_ERROR(status);
  }
  TRIBUTARY_RETURN_IF_ERROR(refused);
  return deleted;
}

}  // namespace tributary
