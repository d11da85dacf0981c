#include "server/serve/resource_service.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/filter/filter.h"
#include "server/serve/call.h"
#include "server/serve/list_plan.h"
#include "server/serve/token.h"

namespace tributary {
namespace {

// Field numbers of the answers, the same for every model (the contract of proto/).
enum BatchGetField : uint32_t { kFound = 1, kMissingIds = 2, kUnreadIds = 3, kBatchRevision = 4 };
enum ListField : uint32_t { kItems = 1, kNextPageToken = 2, kListRevision = 3 };

// A page token that was in order names a revision that cannot be read: history has passed it, or
// the store was restored from a backup that ends before it.
absl::Status PageTokenExpired(Revision revision) {
  ErrorDetail detail;
  detail.reason = reason::kPageTokenExpired;
  detail.metadata.emplace_back("revision", absl::StrCat(revision));
  detail.violations.push_back({"page_token", "shows a revision that can no longer be read"});
  return MakeError(absl::StatusCode::kOutOfRange,
                   absl::StrCat("page_token shows revision ", revision,
                                ", which can no longer be read: list again from the first page"),
                   std::move(detail));
}

}  // namespace

ResourceService::ResourceService(const Model& model, const ServingContext& context)
    : model_(model), index_(model), context_(context) {
  const google::protobuf::ServiceDescriptor& service = *model.service();
  for (int i = 0; i < service.method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service.method(i);
    const std::string_view name = method.name();
    if (name.starts_with("BatchGet")) {
      AddUnary(method, &ResourceService::BatchGet);
    } else if (name.starts_with("Get")) {
      AddUnary(method, &ResourceService::Get);
    } else if (name.starts_with("List")) {
      AddUnary(method, &ResourceService::List);
    } else if (name.starts_with("Watch")) {
      AddWatch(method);
    }
  }
}

void ResourceService::AddUnary(const google::protobuf::MethodDescriptor& method, Method handler) {
  UnaryWork work = [this, reader = RequestReader(*method.input_type()),
                    handler](const grpc::ByteBuffer& bytes) -> absl::StatusOr<std::string> {
    TRIBUTARY_ASSIGN_OR_RETURN(const Request request, reader.Read(bytes));
    return (this->*handler)(request);
  };
  const bool is_point_read = handler == &ResourceService::Get;
  MethodMetrics& metrics = context_.metrics.Add(method);
  service_.AddUnary(method, [this, &metrics, is_point_read, work = std::move(work)](
                                grpc::CallbackServerContext* context,
                                const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
    const UnaryCall call{metrics, context, request, response};
    if (is_point_read) {
      if (const InlineRead turn(context_.inline_reads); turn) return AnswerHere(call, work);
    }
    return AnswerOn(context_.executor, call, work);
  });
}

void ResourceService::AddWatch(const google::protobuf::MethodDescriptor& method) {
  MethodMetrics& metrics = context_.metrics.Add(method);
  service_.AddStreaming(
      method,
      [this, &metrics, reader = RequestReader(*method.input_type())](
          grpc::CallbackServerContext* call,
          const grpc::ByteBuffer* bytes) -> grpc::ServerWriteReactor<grpc::ByteBuffer>* {
        absl::StatusOr<WatchRequest> request = ReadWatch(reader, metrics, *bytes);
        if (!request.ok()) return context_.streams.Refuse(call, metrics, request.status());
        return context_.streams.Open(call, *std::move(request));
      });
}

absl::StatusOr<WatchRequest> ResourceService::ReadWatch(const RequestReader& reader,
                                                        MethodMetrics& metrics,
                                                        const grpc::ByteBuffer& bytes) const {
  TRIBUTARY_ASSIGN_OR_RETURN(Request request, reader.Read(bytes));
  Selection selection = Selected(request);
  WatchRequest watch{metrics, std::move(request), std::move(selection)};
  if (!watch.request.filter.empty()) {
    TRIBUTARY_ASSIGN_OR_RETURN(
        watch.filter,
        Filter::Compile(watch.request.filter, *model_.message(), Filter::Use::kWatch));
  }
  return watch;
}

Selection ResourceService::Selected(const Request& request) const {
  return {{model_.name()}, request.connector_id, request.owner_id};
}

absl::Status ResourceService::NotFound(const Request& request, const Record* tombstone) const {
  ErrorDetail detail;
  detail.reason = tombstone == nullptr ? reason::kResourceNotFound : reason::kResourceDeleted;
  if (tombstone != nullptr)
    detail.metadata.emplace_back("revision", absl::StrCat(tombstone->revision));
  detail.resource = {model_.name(),
                     absl::StrCat(request.connector_id, "/", request.owner_id, "/", request.id)};
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat(model_.name(), " ", Clip(request.id),
                                tombstone == nullptr ? " not found" : " was deleted"),
                   std::move(detail));
}

absl::StatusOr<std::string> ResourceService::Get(const Request& request) const {
  const Key key{model_.name(), request.connector_id, request.owner_id, request.id};
  TRIBUTARY_ASSIGN_OR_RETURN(const std::optional<Record> record,
                             context_.store.Get(key, request.view == View::kFull));
  if (!record.has_value()) return NotFound(request, nullptr);
  if (record->deleted) return NotFound(request, &*record);
  return EncodeResource(*record, request.view);
}

absl::StatusOr<std::string> ResourceService::BatchGet(const Request& request) const {
  BatchQuery query;
  query.scope = {model_.name(), request.connector_id, request.owner_id, ""};
  query.ids = request.ids;
  query.raw = request.view == View::kFull;
  query.max_bytes = limits::kPageBytesMax;
  // The ids that an answer repeats take room too.
  for (const std::string& id : request.ids) {
    query.max_bytes -= std::min(query.max_bytes / 2, wire::BytesFieldSize(kUnreadIds, id.size()));
  }
  TRIBUTARY_ASSIGN_OR_RETURN(const RecordBatch batch, context_.store.BatchGet(query));
  std::string out;
  for (const Record& record : batch.records) AppendResource(out, kFound, record, request.view);
  for (const std::string& id : batch.missing) wire::AppendBytes(out, kMissingIds, id);
  for (const std::string& id : batch.unread) wire::AppendBytes(out, kUnreadIds, id);
  wire::AppendUint(out, kBatchRevision, static_cast<uint64_t>(batch.revision));
  return out;
}

std::string ResourceService::OrderValue(const RecordQuery& query, const Record& record) const {
  if (!query.index.has_value() || query.index->order == IndexScan::Order::kEqual) return "";
  for (IndexEntry& entry : index_.EntriesOf(record.state)) {
    if (entry.field == query.index->field) return std::move(entry.value);
  }
  return "";
}

absl::StatusOr<std::string> ResourceService::List(const Request& request) const {
  const TokenBinding binding{context_.store.id(), Selected(request), request.filter,
                             request.order_by};
  RecordQuery query;
  query.selection = binding.selection;
  query.raw = request.view == View::kFull;
  TRIBUTARY_ASSIGN_OR_RETURN(ListPlan plan, PlanList(model_, index_, request));
  query.filter = std::move(plan.filter);
  query.index = std::move(plan.index);
  if (!request.page_token.empty()) {
    TRIBUTARY_ASSIGN_OR_RETURN(PagePosition position, DecodePageToken(request.page_token, binding));
    query.revision = position.revision;
    query.after = std::move(position.last);
    query.after_value = std::move(position.value);
  }
  std::string out;
  int count = 0;
  int reads_left =
      query.filter == nullptr ? std::numeric_limits<int>::max() : limits::kFilteredListReadsMax;
  for (bool full = false; !full && reads_left > 0; --reads_left) {
    query.max_records = request.page_size - count;
    query.max_bytes = limits::kPageBytesMax - std::min(out.size(), limits::kPageBytesMax);
    absl::StatusOr<RecordPage> read = context_.store.List(query);
    if (absl::IsOutOfRange(read.status()) && query.revision.has_value()) {
      return PageTokenExpired(*query.revision);
    }
    TRIBUTARY_ASSIGN_OR_RETURN(RecordPage page, std::move(read));
    query.revision = page.revision;
    size_t bytes = out.size();
    for (const Record& record : page.records) bytes += ResourceBytes(record, request.view) + 8;
    out.reserve(bytes);  // to grow by doubling would copy a page twice over
    for (const Record& record : page.records) {
      // The store's page holds its first record whatever its size; an answer that has some already
      // does not.
      full =
          !out.empty() && out.size() + ResourceBytes(record, request.view) > limits::kPageBytesMax;
      if (full) break;
      AppendResource(out, kItems, record, request.view);
      query.after = record.key;
      query.after_value = OrderValue(query, record);
      ++count;
    }
    if (full) break;
    query.after = std::move(page.next);
    query.after_value = std::move(page.next_value);
    full = count == request.page_size || !query.after.has_value();
  }
  if (query.after.has_value()) {
    wire::AppendBytes(out, kNextPageToken,
                      EncodePageToken(binding, {*query.revision, *std::move(query.after),
                                                std::move(query.after_value)}));
    context_.store.HoldHistory(*query.revision);
  }
  wire::AppendUint(out, kListRevision, static_cast<uint64_t>(*query.revision));
  return out;
}

}  // namespace tributary
