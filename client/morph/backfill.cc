#include "client/morph/backfill.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/reflect.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tributary/ingest/v1/delivery.pb.h"
#include "tributary/v1/annotations.pb.h"
#include "tributary/v1/server.pb.h"

namespace tributary {
inline namespace client {
namespace {

namespace proto = ingest::v1;

constexpr size_t kProblemsMax = 10;
constexpr size_t kRefBytesMax = 512;
constexpr int kServerPageSize = 1000;
// Pages that bring nothing new, one after the other, until the list is taken to go round.
constexpr int kStalePagesMax = 100;
// Deleting more than one in so many asks for a word.
constexpr int64_t kMissingPart = 5;

void AddProblem(std::string text, BackfillReport& report) {
  if (report.problems.size() < kProblemsMax) report.problems.push_back(std::move(text));
}

void Count(const proto::Event& event, const proto::EventResult& result,
           BackfillReport::Verdicts& verdicts, BackfillReport& report) {
  ++verdicts[result.verdict()];
  if (result.verdict() != proto::VERDICT_REJECTED) return;
  ++report.refused;
  const proto::Problem& problem = result.problem();
  std::string text = problem.detail().empty() ? problem.title() : problem.detail();
  for (const proto::Problem::Fault& fault : problem.errors()) {
    absl::StrAppend(&text, "; ", fault.pointer(), " ", fault.detail());
  }
  AddProblem(absl::StrCat(event.client_ref(), ": ", text), report);
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t micros = absl::ToUnixMicros(time);
  proto.set_seconds(micros / 1'000'000);
  proto.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1'000));
  return proto;
}

// `text` in the language of filters.
std::string Quoted(const std::string& text) {
  return absl::StrCat("\"",
                      absl::StrReplaceAll(text, {{"\\", "\\\\"},
                                                 {"\"", "\\\""},
                                                 {"*", "\\*"},
                                                 {"\n", "\\n"},
                                                 {"\r", "\\r"},
                                                 {"\t", "\\t"}}),
                      "\"");
}

std::string DeletionBody(const std::string& model, const std::string& id, absl::Time at) {
  google::protobuf::Struct data;
  const auto put = [&](const char* key, const std::string& value) {
    (*data.mutable_fields())[key].set_string_value(value);
  };
  put("object", "resourceRef");
  put("model", model);
  put("id", id);
  put("updatedAt", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", at, absl::UTCTimeZone()));
  google::protobuf::Struct body;
  (*body.mutable_fields())["event"].set_string_value(absl::StrCat(model, "::deleted"));
  *(*body.mutable_fields())["data"].mutable_struct_value() = std::move(data);
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(body, &json);  // strings always can be
  return json;
}

}  // namespace

Backfill::Backfill(std::shared_ptr<grpc::Channel> channel, MorphClient& morph, Scope scope,
                   CallOptions calls, BackfillOptions options, OnPage on_page)
    : channel_(std::move(channel)),
      morph_(morph),
      scope_(std::move(scope)),
      calls_(std::move(calls)),
      options_(options),
      on_page_(std::move(on_page)) {}

absl::Status Backfill::Run(const ResourceModel& model, BackfillReport& report) {
  absl::StatusOr<Moment> begun = Begin();
  if (!begun.ok()) return begun.status();
  Work work{model, *std::move(begun), report};
  absl::Status status = DeclareFields(work);
  if (status.ok()) status = SendResources(work);
  if (!status.ok() || !options_.delete_missing || !report.kept.empty()) return status;
  return DeleteMissing(work);
}

absl::StatusOr<Backfill::Moment> Backfill::Begin() const {
  v1::GetServerInfoResponse info;
  absl::Status status = CallUnary(channel_, "/tributary.v1.ServerService/GetServerInfo",
                                  v1::GetServerInfoRequest(), calls_, info);
  if (!status.ok()) return status;
  const absl::Time server_time = absl::FromUnixSeconds(info.server_time().seconds()) +
                                 absl::Nanoseconds(info.server_time().nanos());
  Moment begun;
  begun.ahead = server_time - absl::Now();
  begun.time = absl::FromUnixMillis(absl::ToUnixMillis(server_time));
  begun.revision = info.head_revision();
  begun.key = absl::StrCat("backfill-", absl::ToUnixMicros(server_time), "-");
  return begun;
}

absl::Status Backfill::DeclareFields(Work& work) {
  BackfillReport& report = work.report;
  FieldDeclarer declarer(channel_, scope_, calls_, options_.dry_run);
  MorphList fields(morph_, absl::StrCat("/v1/models/", PercentEncoded(work.model.id()), "/fields"));
  std::vector<std::string> problems;
  for (;;) {
    const absl::StatusOr<std::optional<MorphPage>> page = fields.Next();
    if (!page.ok() && !IsNotOffered(page.status())) report.fields_status = page.status();
    if (!page.ok() || !page->has_value()) break;
    absl::Status status = declarer.Declare(work.model, (*page)->items, report.fields, problems);
    if (!status.ok()) return status;
  }
  report.refused += report.fields.refused;
  for (std::string& problem : problems) AddProblem(std::move(problem), report);
  return absl::OkStatus();
}

absl::Status Backfill::SendResources(Work& work) {
  BackfillReport& report = work.report;
  MorphList list(morph_, absl::StrCat("/v1/resources/", PercentEncoded(work.model.id())));
  absl::Status status = Ingest([&](IngestClient& ingest) { return SendPages(work, list, ingest); },
                               report.verdicts, report);
  if (!report.list_status.ok()) {
    report.kept = "the list could not be read to its end";
  } else if (!list.complete()) {
    report.kept = "the list does not say where it ends";
  } else if (work.nameless) {
    report.kept = "some of what was listed has no id";
  }
  return status;
}

absl::Status Backfill::SendPages(Work& work, MorphList& list, IngestClient& ingest) {
  for (int stale_pages = 0; stale_pages < kStalePagesMax;) {
    const absl::StatusOr<std::optional<MorphPage>> page = list.Next();
    if (!page.ok()) work.report.list_status = page.status();
    if (!page.ok() || !page->has_value()) return absl::OkStatus();
    const size_t before = work.listed.size();
    absl::Status status = SendPage(**page, work, ingest);
    if (!status.ok()) return status;
    const bool stale = !(*page)->items.empty() && work.listed.size() == before;
    stale_pages = stale ? stale_pages + 1 : 0;
    if (on_page_) on_page_(work.report);
  }
  work.report.list_status = absl::AbortedError(absl::StrCat("the list of ", work.model.id(),
                                                            " has no end: ", kStalePagesMax,
                                                            " pages brought nothing new"));
  return absl::OkStatus();
}

absl::Status Backfill::SendPage(const MorphPage& page, Work& work, IngestClient& ingest) {
  const absl::Time read_at = page.read_at + work.begun.ahead;
  for (const MorphItem& item : page.items) {
    ++work.report.listed;
    work.nameless = work.nameless || item.id.empty();
    work.listed.insert(item.id);
    if (options_.dry_run) continue;
    proto::Event event = NewEvent(item.id);
    // Of this sight alone: to see the same again, with a deletion in between, is something else.
    event.set_idempotency_key(absl::StrCat(work.begun.key, absl::ToUnixMicros(read_at)));
    event.set_body(
        absl::StrCat("{\"event\":\"", work.model.id(), "::updated\",\"data\":", item.json, "}"));
    *event.mutable_observed_at() = ToProto(read_at);
    absl::Status status = Send(std::move(event), work.report, ingest);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Backfill::DeleteMissing(Work& work) {
  BackfillReport& report = work.report;
  const absl::StatusOr<std::vector<std::string>> missing = FindMissing(work);
  if (!missing.ok()) return missing.status();
  report.missing = static_cast<int64_t>(missing->size());
  if (report.missing * kMissingPart > report.held && !options_.delete_many) {
    report.kept = "they are more than a fifth";
    return absl::OkStatus();
  }
  if (options_.dry_run) return absl::OkStatus();
  const auto send = [&](IngestClient& ingest) {
    for (const std::string& id : *missing) {
      proto::Event event = NewEvent(id);
      event.set_idempotency_key(work.begun.key + "missing");
      event.set_body(DeletionBody(work.model.id(), id, work.begun.time));
      absl::Status status = Send(std::move(event), report, ingest);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  };
  return Ingest(send, report.deletions, report);
}

absl::Status Backfill::Ingest(const std::function<absl::Status(IngestClient&)>& send,
                              BackfillReport::Verdicts& verdicts, BackfillReport& report) {
  const auto on_result = [&](const proto::Event& event, const proto::EventResult& result) {
    Count(event, result, verdicts, report);
  };
  IngestClient ingest(channel_, on_result, options_.ingest);
  {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) return absl::CancelledError("the backfill was cancelled");
    ingest_ = &ingest;
  }
  absl::Status status = send(ingest);
  if (status.ok()) status = ingest.Finish();
  absl::MutexLock lock(&mutex_);
  ingest_ = nullptr;
  return status;
}

absl::Status Backfill::Send(proto::Event event, BackfillReport& report, IngestClient& ingest) {
  const std::string id = event.client_ref();
  absl::Status status = ingest.Send(std::move(event));
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  ++report.refused;
  AddProblem(absl::StrCat(id, ": ", std::string(status.message())), report);
  return absl::OkStatus();
}

void Backfill::Cancel() {
  morph_.Cancel();
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (ingest_ != nullptr) ingest_->Cancel();
}

absl::StatusOr<std::vector<std::string>> Backfill::FindMissing(Work& work) const {
  std::vector<std::string> missing;
  const ResourceClient resources(channel_, work.model, scope_, calls_);
  auto held = resources.List({.page_size = kServerPageSize});
  for (const MessagePtr& resource : held) {
    ++work.report.held;
    std::string id = GetString(*resource, "id");
    // What changed since was heard of since, also where it came along with another resource.
    const bool changed = GetInt64(*resource, "revision") > work.begun.revision;
    if (!changed && !work.listed.contains(id)) missing.push_back(std::move(id));
  }
  if (!held.status().ok()) return held.status();
  if (missing.empty()) return missing;
  const absl::StatusOr<Ids> heard_of = HeardOfSince(work);
  if (!heard_of.ok()) return heard_of.status();
  std::erase_if(missing, [&](const std::string& id) { return heard_of->contains(id); });
  return missing;
}

absl::StatusOr<Backfill::Ids> Backfill::HeardOfSince(const Work& work) const {
  proto::ListDeliveriesRequest request;
  request.set_filter(absl::StrCat("connector_id = ", Quoted(scope_.connector_id),
                                  " AND owner_id = ", Quoted(scope_.owner_id),
                                  " AND model = ", Quoted(work.model.id()),
                                  " AND NOT idempotency_key = \"", work.begun.key, "*\""));
  request.set_page_size(kServerPageSize);
  Ids ids;
  do {
    proto::ListDeliveriesResponse page;
    absl::Status status = CallUnary(channel_, "/tributary.ingest.v1.DeliveryService/ListDeliveries",
                                    request, calls_, page);
    if (!status.ok()) return status;
    for (const proto::Delivery& delivery : page.deliveries()) {
      // The newest come first, and times of receipt never go back.
      if (*GetTime(delivery, "received_at") < work.begun.time) return ids;
      ids.insert(delivery.resource_id());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return ids;
}

proto::Event Backfill::NewEvent(const std::string& id) const {
  proto::Event event;
  event.set_connector_id(scope_.connector_id);
  event.set_owner_id(scope_.owner_id);
  if (id.size() <= kRefBytesMax) event.set_client_ref(id);
  return event;
}

bool IsListed(const ResourceModel& model) {
  const v1::ResourceRule& rule = model.message().options().GetExtension(v1::resource);
  return !rule.defines_custom_fields() && rule.answer() != v1::ResourceRule::ANSWER_CARDS;
}

}  // namespace client
}  // namespace tributary
