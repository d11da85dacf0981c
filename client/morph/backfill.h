#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/ingest_client.h"
#include "client/model.h"
#include "client/morph/field_declarer.h"
#include "client/morph/morph_client.h"
#include "client/resource_client.h"
#include "client/rpc.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {
inline namespace client {

struct BackfillOptions {
  // What the source did not list is deleted.
  bool delete_missing = false;
  // Even if it is more than a fifth of what is held.
  bool delete_many = false;
  // Reads, counts and compares, and sends nothing.
  bool dry_run = false;
  // How events are sent.
  IngestOptions ingest{};
};

// What a backfill of one model came to.
struct BackfillReport {
  using Verdicts = std::map<ingest::v1::Verdict, int64_t>;

  int64_t listed = 0;  // repetitions included
  Verdicts verdicts;   // of what was sent
  int64_t refused = 0;
  FieldTotals fields;
  // Where the source failed; what it had listed before is sent.
  absl::Status fields_status;
  absl::Status list_status;

  // With delete_missing:
  int64_t held = 0;     // resources of the model, when the list was at its end
  int64_t missing = 0;  // of these, those that the list lacks
  Verdicts deletions;   // of the deletions sent
  std::string kept;     // why nothing was deleted; empty: it was

  // Of the first things that were refused, why.
  std::vector<std::string> problems;
};

// Brings the resources of one connector and owner from the source's REST API into the server: of
// one model at a time, first the definitions of its fields, then each resource that is listed, as
// observed when its page was read. So it repairs what webhooks missed, and changes nothing where
// they missed nothing.
//
// With delete_missing a resource is deleted only if the list was read to its end without it, and if
// the last that was heard of it came before the list was begun; as of that moment, so that whatever
// is newer stands against it. For one thread, but for Cancel.
class Backfill {
 public:
  // Told after each page.
  using OnPage = std::function<void(const BackfillReport& report)>;

  // `morph` is for the same scope, which names both a connector and an owner, and outlives this.
  Backfill(std::shared_ptr<grpc::Channel> channel, MorphClient& morph, Scope scope,
           CallOptions calls, BackfillOptions options, OnPage on_page = nullptr);

  // What came of it stands in `report`, also of what was done before a failure. OK also where the
  // source failed, as the report says; else a failure of the server.
  absl::Status Run(const ResourceModel& model, BackfillReport& report);

  // From any thread: Run ends soon, with CANCELLED.
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // When a run of a model began, by the clock of the server and in its order of changes.
  struct Moment {
    absl::Time time;  // whole milliseconds
    int64_t revision = 0;
    absl::Duration ahead;  // of the server's clock before ours; rather less than it is
    std::string key;       // begins the idempotency key of whatever this run sends
  };
  using Ids = absl::flat_hash_set<std::string>;
  // One model under way.
  struct Work {
    const ResourceModel& model;
    const Moment begun;
    BackfillReport& report;
    Ids listed{};
    bool nameless = false;  // something listed has no id
  };

  // Calls `send` with a way in, and waits for all results, which are counted as `verdicts`.
  absl::Status Ingest(const std::function<absl::Status(IngestClient&)>& send,
                      BackfillReport::Verdicts& verdicts, BackfillReport& report)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Moment> Begin() const;
  absl::Status DeclareFields(Work& work);
  absl::Status SendResources(Work& work);
  absl::Status SendPages(Work& work, MorphList& list, IngestClient& ingest);
  absl::Status SendPage(const MorphPage& page, Work& work, IngestClient& ingest);
  // INVALID_ARGUMENT is counted only.
  static absl::Status Send(ingest::v1::Event event, BackfillReport& report, IngestClient& ingest);
  absl::Status DeleteMissing(Work& work);
  // Those held that were not listed, and of which nothing has been heard since.
  absl::StatusOr<std::vector<std::string>> FindMissing(Work& work) const;
  // The resources of which a delivery came since, but for those of this run.
  absl::StatusOr<Ids> HeardOfSince(const Work& work) const;
  ingest::v1::Event NewEvent(const std::string& id) const;

  const std::shared_ptr<grpc::Channel> channel_;
  MorphClient& morph_;
  const Scope scope_;
  const CallOptions calls_;
  const BackfillOptions options_;
  const OnPage on_page_;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  IngestClient* ingest_ ABSL_GUARDED_BY(mutex_) = nullptr;  // the one in use
};

// False: the source does not list resources of the model, because it only ever sends them, or
// because they are made here.
bool IsListed(const ResourceModel& model);

}  // namespace client
}  // namespace tributary
