#include "server/metrics_page.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

using enum MetricFamily::Type;

constexpr MetricFamily kBuild{kInfo, "tributary_build", "", "The version that runs."};

constexpr MetricFamily kDeliveries{kCounter, "tributary_deliveries", "",
                                   "Webhooks on record, by verdict."};
constexpr MetricFamily kDeliveriesFailed{
    kCounter, "tributary_deliveries_failed", "",
    "Webhooks answered 503 because the store could not commit their batch."};
constexpr MetricFamily kDelivery{kHistogram, "tributary_delivery_seconds", "seconds",
                                 "From a decoded webhook to the answer after its fsync."};
constexpr MetricFamily kHttpAnswers{kCounter, "tributary_http_answers", "",
                                    "Answers of the HTTP port, by status."};
constexpr MetricFamily kUndefined{
    kCounter, "tributary_custom_values_undefined", "",
    "Values of custom fields that were kept without a definition of the field."};
constexpr MetricFamily kQueueDeliveries{kGauge, "tributary_queue_deliveries", "deliveries",
                                        "Webhooks that wait for the next batch."};
constexpr MetricFamily kQueueBytes{kGauge, "tributary_queue_bytes", "bytes",
                                   "Memory that the waiting webhooks take."};
constexpr MetricFamily kBatch{kHistogram, "tributary_batch_deliveries", "deliveries",
                              "Webhooks in a committed batch."};
constexpr MetricFamily kCommit{kHistogram, "tributary_commit_seconds", "seconds",
                               "A batch in the store: judged, written, and on disk."};
constexpr MetricFamily kFsync{kHistogram, "tributary_fsync_seconds", "seconds",
                              "One fsync: of the log in commits, of the database in checkpoints."};

constexpr MetricFamily kFailedFsyncs{kCounter, "tributary_failed_fsyncs", "",
                                     "Fsyncs that the disk refused."};
constexpr MetricFamily kInDoubt{
    kGauge, "tributary_store_in_doubt", "",
    "1 from a failed fsync until it is known again what is on the disk: nothing is acknowledged."};

constexpr MetricFamily kRevision{kGauge, "tributary_revision", "",
                                 "The newest change of the store."};
constexpr MetricFamily kOldestRevision{
    kGauge, "tributary_oldest_revision", "",
    "The oldest revision of which every state can still be read."};
constexpr MetricFamily kOldestResumable{kGauge, "tributary_oldest_resumable_revision", "",
                                        "The oldest position from which a watch can still go on."};
constexpr MetricFamily kStoreBytes{kGauge, "tributary_store_bytes", "bytes",
                                   "Size of the files of the store."};

constexpr MetricFamily kBodyBytes{kGauge, "tributary_ledger_body_bytes", "bytes",
                                  "What the bodies of deliveries that are kept take."};
constexpr MetricFamily kBodiesDropped{
    kCounter, "tributary_ledger_bodies_dropped", "",
    "Bodies that had no room within --ledger_max_bytes, by what became of their deliveries."};
constexpr MetricFamily kOpenDeliveries{
    kGauge, "tributary_ledger_open_deliveries", "deliveries",
    "Deliveries that stay on record until they are purged, or replayed and accepted."};

constexpr MetricFamily kRpcs{kCounter, "tributary_rpcs", "",
                             "Calls that ended, by method and code."};
constexpr MetricFamily kRpcSeconds{kHistogram, "tributary_rpc_seconds", "seconds",
                                   "Unary calls, from the request to the answer, by method."};
constexpr MetricFamily kResponseBytes{kCounter, "tributary_response_bytes", "bytes",
                                      "Bytes of responses, by method."};
constexpr MetricFamily kWatchStreams{kGauge, "tributary_watch_streams", "",
                                     "Open watch streams, by what they do."};
constexpr MetricFamily kWatchLag{
    kGauge, "tributary_watch_lag_revisions", "revisions",
    "How far the slowest watch stream that has something to send is behind the newest change."};
constexpr MetricFamily kWatchMessages{kCounter, "tributary_watch_messages", "",
                                      "Messages to watch streams."};
constexpr MetricFamily kWatchChanges{kCounter, "tributary_watch_changes", "",
                                     "Changes in the messages to watch streams."};
constexpr MetricFamily kIngestStreams{kGauge, "tributary_ingest_streams", "",
                                      "Open streams of events into the store."};

constexpr MetricFamily kCardViews{kCounter, "tributary_card_views", "",
                                  "Card views that wanted cards, by how that ended."};
constexpr MetricFamily kCardView{kHistogram, "tributary_card_view_seconds", "seconds",
                                 "From an opened card view to the answer of its receiver."};
constexpr MetricFamily kCardViewsOpen{kGauge, "tributary_card_views_open", "",
                                      "Card views that wait to be answered."};
constexpr MetricFamily kCardReceivers{kGauge, "tributary_card_receivers", "",
                                      "Connected receivers of card views."};

constexpr std::array<std::string_view, kCardViewEnds> kCardViewEndLabels = {
    "answered", "timed_out", "no_receiver", "overflow", "dropped"};
constexpr std::array<std::string_view, kVerdicts> kVerdictLabels = {
    "applied", "unchanged", "duplicate", "superseded", "parked", "rejected"};
constexpr std::array<std::string_view, 3> kBodyLabels = {"accepted", "rejected", "parked"};
constexpr std::array<std::string_view, kStatusCodes> kCodeLabels = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

void Single(Exposition& page, const MetricFamily& family, uint64_t value) {
  page.Begin(family);
  page.Sample(value);
}

void Single(Exposition& page, const MetricFamily& family, const Histogram& histogram) {
  page.Begin(family);
  page.Sample(histogram);
}

void WriteIngest(const Committer& committer, const HttpMetrics& http, Exposition& page) {
  const CommitterMetrics& metrics = committer.metrics();
  page.Begin(kDeliveries);
  for (size_t i = 0; i < kVerdicts; ++i) {
    page.Sample({{"verdict", kVerdictLabels[i]}}, metrics.deliveries[i].value());
  }
  Single(page, kDeliveriesFailed, metrics.failed.value());
  Single(page, kDelivery, metrics.acknowledged);
  const Committer::Queue queue = committer.queue();
  Single(page, kQueueDeliveries, queue.deliveries);
  Single(page, kQueueBytes, queue.bytes);
  Single(page, kBatch, metrics.batch);
  Single(page, kCommit, metrics.commit);
  page.Begin(kHttpAnswers);
  for (size_t status = 0; status < http.answers.size(); ++status) {
    const uint64_t count = http.answers[status].value();
    if (count > 0 || status == 200) page.Sample({{"status", absl::StrCat(status)}}, count);
  }
}

void WriteCards(const CardExchange& cards, Exposition& page) {
  page.Begin(kCardViews);
  for (size_t i = 0; i < kCardViewEnds; ++i) {
    page.Sample({{"end", kCardViewEndLabels[i]}}, cards.metrics().views[i].value());
  }
  Single(page, kCardView, cards.metrics().answered);
  const CardExchange::Survey survey = cards.TakeSurvey();
  page.Begin(kCardViewsOpen);
  page.Sample({{"state", "in_hand"}}, survey.in_hand);
  page.Sample({{"state", "waiting"}}, survey.waiting);
  Single(page, kCardReceivers, survey.receivers);
}

// 0 if there is no such file.
uint64_t FileBytes(const std::string& path) {
  std::error_code none;
  const uintmax_t bytes = std::filesystem::file_size(path, none);
  return none ? 0 : bytes;
}

void WriteStore(const MetricsSources& sources, Exposition& page) {
  page.Begin(kFsync);
  page.Sample({{"file", "log"}}, sources.sqlite.log_fsync);
  page.Sample({{"file", "database"}}, sources.sqlite.database_fsync);
  Single(page, kFailedFsyncs, sources.sqlite.failed_fsyncs.value());
  Single(page, kInDoubt, sources.sqlite.in_doubt.load() ? 1 : 0);
  if (const absl::StatusOr<Head> head = sources.store.GetHead(); head.ok()) {
    Single(page, kRevision, static_cast<uint64_t>(head->revision));
    Single(page, kOldestRevision, static_cast<uint64_t>(head->oldest_revision));
    Single(page, kOldestResumable, static_cast<uint64_t>(head->oldest_resumable));
  }
  page.Begin(kStoreBytes);
  page.Sample({{"file", "database"}}, FileBytes(sources.sqlite_path));
  page.Sample({{"file", "log"}}, FileBytes(sources.sqlite_path + "-wal"));
}

void WriteLedger(const SqliteMetrics& sqlite, Exposition& page) {
  Single(page, kBodyBytes, static_cast<uint64_t>(sqlite.body_bytes.value()));
  page.Begin(kBodiesDropped);
  for (size_t i = 0; i < kBodyLabels.size(); ++i) {
    page.Sample({{"of", kBodyLabels[i]}}, sqlite.bodies_dropped[i].value());
  }
  page.Begin(kOpenDeliveries);
  page.Sample({{"verdict", "parked"}}, static_cast<uint64_t>(sqlite.parked.value()));
  page.Sample({{"verdict", "rejected"}}, static_cast<uint64_t>(sqlite.rejected.value()));
}

// Of codes, OK from the start, so that rates see the first call; other codes once they occur.
void WriteCalls(const MethodMetrics& method, Exposition& page) {
  for (size_t code = 0; code < kStatusCodes; ++code) {
    const uint64_t count = method.calls[code].value();
    if (count == 0 && code > 0) continue;
    page.Sample({{"method", method.name}, {"code", kCodeLabels[code]}}, count);
  }
}

void WriteRpcs(const RpcMetrics& rpcs, Exposition& page) {
  page.Begin(kRpcs);
  for (const MethodMetrics& method : rpcs.methods()) WriteCalls(method, page);
  WriteCalls(rpcs.other(), page);
  page.Begin(kRpcSeconds);
  for (const MethodMetrics& method : rpcs.methods()) {
    if (method.latency.sum() > 0) page.Sample({{"method", method.name}}, method.latency);
  }
  page.Begin(kResponseBytes);
  for (const MethodMetrics& method : rpcs.methods()) {
    page.Sample({{"method", method.name}}, method.bytes.value());
  }
}

void WriteWatch(GrpcServer& grpc, Exposition& page) {
  const WatchStreams::Survey streams = grpc.SurveyStreams();
  page.Begin(kWatchStreams);
  page.Sample({{"state", "snapshot"}}, static_cast<uint64_t>(streams.snapshot));
  page.Sample({{"state", "sending"}}, static_cast<uint64_t>(streams.sending));
  page.Sample({{"state", "waiting"}}, static_cast<uint64_t>(streams.waiting));
  Single(page, kWatchLag, static_cast<uint64_t>(streams.lag_max));
  Single(page, kWatchMessages, grpc.metrics().watch().messages.value());
  Single(page, kWatchChanges, grpc.metrics().watch().changes.value());
}

}  // namespace

void WriteMetricsPage(const MetricsSources& sources, const HttpMetrics& http, Exposition& page) {
  page.Begin(kBuild);
  page.Sample({{"version", sources.version}}, 1);
  WriteIngest(sources.committer, http, page);
  WriteCards(sources.cards, page);
  Single(page, kUndefined, sources.fields.undefined().value());
  WriteStore(sources, page);
  WriteLedger(sources.sqlite, page);
  WriteRpcs(sources.grpc.metrics(), page);
  WriteWatch(sources.grpc, page);
  Single(page, kIngestStreams, sources.grpc.ingest_streams());
}

}  // namespace tributary
