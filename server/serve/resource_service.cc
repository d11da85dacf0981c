#include "server/serve/resource_service.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/slice.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/filter/filter.h"
#include "server/serve/call.h"
#include "server/serve/list_plan.h"
#include "server/serve/not_found.h"
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

// An answer with expanded references takes several reads: not one for gRPC's own threads.
bool AsksToExpand(const grpc::ByteBuffer& request) {
  constexpr uint32_t kExpand = 21;
  grpc::Slice slice;
  if (!request.TrySingleSlice(&slice).ok()) return true;  // long enough for anything
  wire::Reader reader({reinterpret_cast<const char*>(slice.begin()), slice.size()});
  while (const auto field = reader.Next()) {
    if (field->number == kExpand) return true;
  }
  return false;
}

}  // namespace

ResourceService::ResourceService(const Model& model, const ServingContext& context)
    : model_(model), index_(model), references_(model), context_(context) {
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
    return Answer(handler, request);
  };
  const bool is_point_read = handler == &ResourceService::Get;
  MethodMetrics& metrics = context_.metrics.Add(method);
  service_.AddUnary(method, [this, &metrics, is_point_read, work = std::move(work)](
                                grpc::CallbackServerContext* context,
                                const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
    const UnaryCall call{metrics, context, request, response};
    if (is_point_read && !AsksToExpand(*request)) {
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

absl::StatusOr<std::string> ResourceService::Answer(Method handler, const Request& request) const {
  absl::StatusOr<std::string> answer = (this->*handler)(request);
  if (!absl::IsOutOfRange(answer.status())) return answer;
  ErrorDetail detail = DetailOf(answer.status());
  if (detail.reason != reason::kRevisionCompacted && detail.reason != reason::kPositionInFuture) {
    return answer;
  }
  // An answer that takes several reads shows the revision of the first. History that passes even
  // the newest one meanwhile is no fault of who asked for the newest: once more, then.
  if (!request.read_revision.has_value()) return (this->*handler)(request);
  TRIBUTARY_ASSIGN_OR_RETURN(const Head head, context_.store.GetHead());
  detail.metadata = {{"oldest_revision", absl::StrCat(head.oldest_revision)},
                     {"head_revision", absl::StrCat(head.revision)}};
  detail.violations.push_back({"read_revision", std::string(answer.status().message())});
  return MakeError(absl::StatusCode::kOutOfRange,
                   absl::StrCat("read_revision: ", answer.status().message()), std::move(detail));
}

absl::StatusOr<std::string> ResourceService::Get(const Request& request) const {
  const Key key{model_.name(), request.connector_id, request.owner_id, request.id};
  TRIBUTARY_ASSIGN_OR_RETURN(const std::vector<ReferenceField> selected,
                             references_.Select(request.expand));
  std::optional<Revision> at = request.read_revision;
  if (!selected.empty() && !at.has_value()) {
    TRIBUTARY_ASSIGN_OR_RETURN(const Head head, context_.store.GetHead());
    at = head.revision;
  }
  TRIBUTARY_ASSIGN_OR_RETURN(std::optional<Record> record,
                             context_.store.Get(key, request.view == View::kFull, at));
  if (!record.has_value()) return NotFound(key, nullptr);
  if (record->deleted) return NotFound(key, &*record);
  if (selected.empty()) return EncodeResource(*record, request.view);
  std::vector<Record> records;
  records.push_back(*std::move(record));
  TRIBUTARY_ASSIGN_OR_RETURN(
      const Expansion expansion,
      Expansion::Read(context_.store, context_.models, selected, records, *at));
  // What finds no room stays a reference: there is no other answer that it could be in.
  expansion.PutInto(records[0], limits::kAnswerBytesMax - ResourceBytes(records[0], request.view));
  return EncodeResource(records[0], request.view);
}

bool ResourceService::AppendItem(std::string& out, uint32_t number, Record& record,
                                 const Expansion& expansion, View view) {
  constexpr size_t kFrameBytes = 8;  // tag and length
  const size_t bytes = out.size() + ResourceBytes(record, view) + kFrameBytes;
  const size_t room = bytes < limits::kPageBytesMax ? limits::kPageBytesMax - bytes : 0;
  const bool is_whole = expansion.PutInto(record, room);
  // An answer holds its first resource whatever its size, with what it leaves room for.
  if (!out.empty() && (bytes > limits::kPageBytesMax || !is_whole)) return false;
  AppendResource(out, number, record, view);
  return true;
}

absl::StatusOr<std::string> ResourceService::BatchGet(const Request& request) const {
  TRIBUTARY_ASSIGN_OR_RETURN(const std::vector<ReferenceField> selected,
                             references_.Select(request.expand));
  BatchQuery query;
  query.scope = {model_.name(), request.connector_id, request.owner_id, ""};
  query.ids = request.ids;
  query.revision = request.read_revision;
  query.raw = request.view == View::kFull;
  query.max_bytes = limits::kPageBytesMax;
  // The ids that an answer repeats take room too.
  for (const std::string& id : request.ids) {
    query.max_bytes -= std::min(query.max_bytes / 2, wire::BytesFieldSize(kUnreadIds, id.size()));
  }
  TRIBUTARY_ASSIGN_OR_RETURN(RecordBatch batch, context_.store.BatchGet(query));
  TRIBUTARY_ASSIGN_OR_RETURN(
      const Expansion expansion,
      Expansion::Read(context_.store, context_.models, selected, batch.records, batch.revision));
  std::string out;
  std::vector<std::string> unread;
  for (Record& record : batch.records) {
    if (!unread.empty() || !AppendItem(out, kFound, record, expansion, request.view)) {
      unread.push_back(record.key.id);
    }
  }
  for (const std::string& id : batch.missing) wire::AppendBytes(out, kMissingIds, id);
  for (const std::string& id : unread) wire::AppendBytes(out, kUnreadIds, id);
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

absl::StatusOr<RecordQuery> ResourceService::ListQuery(const Request& request,
                                                       const TokenBinding& binding) const {
  RecordQuery query;
  query.selection = binding.selection;
  query.revision = request.read_revision;
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
  return query;
}

absl::StatusOr<bool> ResourceService::AppendPage(ListAnswer& answer, RecordPage page,
                                                 const std::vector<ReferenceField>& selected,
                                                 const Request& request) const {
  if (answer.out.empty()) {
    answer.out = std::move(page.appended);
  } else if (answer.out.size() + page.appended.size() > limits::kPageBytesMax) {
    return true;  // a page holds its first resource whatever its size: that is for the next answer
  } else {
    answer.out.append(page.appended);
  }
  answer.count += page.appended_count;
  TRIBUTARY_ASSIGN_OR_RETURN(
      const Expansion expansion,
      Expansion::Read(context_.store, context_.models, selected, page.records, page.revision));
  size_t bytes = answer.out.size();
  for (const Record& record : page.records) bytes += ResourceBytes(record, request.view) + 8;
  if (!page.records.empty())
    answer.out.reserve(bytes);  // to grow by doubling would copy a page twice over
  for (Record& record : page.records) {
    if (!AppendItem(answer.out, kItems, record, expansion, request.view)) return true;
    answer.query.after_value = OrderValue(answer.query, record);
    answer.query.after = std::move(record.key);
    ++answer.count;
  }
  answer.query.after = std::move(page.next);
  answer.query.after_value = std::move(page.next_value);
  return answer.count == request.page_size || !answer.query.after.has_value();
}

absl::StatusOr<std::string> ResourceService::List(const Request& request) const {
  const TokenBinding binding{.store_id = context_.store.id(),
                             .selection = Selected(request),
                             .filter = request.filter,
                             .order_by = request.order_by,
                             .read_revision = request.read_revision};
  TRIBUTARY_ASSIGN_OR_RETURN(const std::vector<ReferenceField> selected,
                             references_.Select(request.expand));
  ListAnswer answer;
  RecordQuery& query = answer.query;
  TRIBUTARY_ASSIGN_OR_RETURN(query, ListQuery(request, binding));
  if (selected.empty() && query.filter == nullptr && !query.index.has_value()) {
    query.append = [](std::string& out, const RecordView& record) {
      AppendResource(out, kItems, record, View::kFull);  // it holds what was asked for
    };
  }
  int reads_left =
      query.filter == nullptr ? std::numeric_limits<int>::max() : limits::kFilteredListReadsMax;
  for (bool full = false; !full && reads_left > 0; --reads_left) {
    query.max_records = request.page_size - answer.count;
    query.max_bytes = limits::kPageBytesMax - std::min(answer.out.size(), limits::kPageBytesMax);
    absl::StatusOr<RecordPage> read = context_.store.List(query);
    if (absl::IsOutOfRange(read.status()) && !request.page_token.empty()) {
      return PageTokenExpired(*query.revision);
    }
    TRIBUTARY_ASSIGN_OR_RETURN(RecordPage page, std::move(read));
    query.revision = page.revision;
    TRIBUTARY_ASSIGN_OR_RETURN(full, AppendPage(answer, std::move(page), selected, request));
  }
  if (query.after.has_value()) {
    wire::AppendBytes(answer.out, kNextPageToken,
                      EncodePageToken(binding, {*query.revision, *std::move(query.after),
                                                std::move(query.after_value)}));
    context_.store.HoldHistory(*query.revision);
  }
  wire::AppendUint(answer.out, kListRevision, static_cast<uint64_t>(*query.revision));
  return std::move(answer.out);
}

}  // namespace tributary
