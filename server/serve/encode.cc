#include "server/serve/encode.h"

#include <memory>
#include <utility>

#include "grpcpp/support/slice.h"
#include "server/base/limits.h"
#include "server/base/wire.h"

namespace tributary {
namespace {

// Field numbers of the frame that every resource shares, and of every XChange (the contract of
// proto/).
enum Frame : uint32_t { kConnectorId = 1, kOwnerId = 2, kId = 3, kRawResource = 9, kRevision = 11 };
enum ChangeField : uint32_t {
  kType = 1,
  kChangeRevision = 2,
  kResource = 3,
  kPrevious = 4,
  kCommittedAt = 6,
  kReceivedAt = 7,
  kDeliveryId = 10,
};
constexpr uint32_t kChanges = 1;  // of XxxResponse

ChangeType TypeOf(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kCreated:
      return ChangeType::kCreated;
    case ChangeKind::kDeleted:
      return ChangeType::kDeleted;
    default:
      return ChangeType::kUpdated;
  }
}

void AppendPieces(std::string& out, std::string_view state, Revision revision, std::string_view raw,
                  View view) {
  out.append(state);
  wire::AppendUint(out, kRevision, static_cast<uint64_t>(revision));
  if (view == View::kFull && !raw.empty()) wire::AppendBytes(out, kRawResource, raw);
}

// The key alone, for the deleted resource whose last state is no longer kept.
std::string KeyState(const Key& key) {
  std::string state;
  wire::AppendBytes(state, kConnectorId, key.connector_id);
  wire::AppendBytes(state, kOwnerId, key.owner_id);
  wire::AppendBytes(state, kId, key.id);
  return state;
}

}  // namespace

std::string EncodeResource(const Record& record, View view) {
  std::string out;
  out.reserve(ResourceBytes(record, view));
  AppendPieces(out, record.state, record.revision, record.raw, view);
  return out;
}

size_t ResourceBytes(const Record& record, View view) {
  size_t bytes = record.state.size() + 1 + wire::VarintSize(static_cast<uint64_t>(record.revision));
  if (view == View::kFull && !record.raw.empty()) {
    bytes += wire::BytesFieldSize(kRawResource, record.raw.size());
  }
  return bytes;
}

void AppendResource(std::string& out, uint32_t number, const Record& record, View view) {
  wire::AppendTag(out, number, wire::Type::kBytes);
  wire::AppendVarint(out, ResourceBytes(record, view));
  AppendPieces(out, record.state, record.revision, record.raw, view);
}

void AppendExisting(std::string& out, const Record& record, View view) {
  std::string change;
  wire::AppendUint(change, kType, static_cast<uint64_t>(ChangeType::kExisting));
  wire::AppendUint(change, kChangeRevision, static_cast<uint64_t>(record.revision));
  AppendResource(change, kResource, record, view);
  wire::AppendBytes(out, kChanges, change);
}

void AppendChange(std::string& out, const Change& change, View view, bool include_previous) {
  std::string bytes;
  wire::AppendUint(bytes, kType, static_cast<uint64_t>(TypeOf(change.kind)));
  wire::AppendUint(bytes, kChangeRevision, static_cast<uint64_t>(change.revision));
  if (change.kind != ChangeKind::kDeleted) {
    std::string resource;
    AppendPieces(resource, change.state, change.revision, change.raw, view);
    wire::AppendBytes(bytes, kResource, resource);
  } else if (change.before != nullptr) {
    AppendResource(bytes, kResource, *change.before, view);
  } else {
    wire::AppendBytes(bytes, kResource, KeyState(change.key));
  }
  if (include_previous && change.kind == ChangeKind::kUpdated && change.before != nullptr &&
      bytes.size() + ResourceBytes(*change.before, view) < limits::kAnswerBytesMax) {
    AppendResource(bytes, kPrevious, *change.before, view);
  }
  bytes.append(change.changed_fields);
  wire::AppendTimestamp(bytes, kCommittedAt, change.committed_us);
  wire::AppendTimestamp(bytes, kReceivedAt, change.received_us);
  wire::AppendBytes(bytes, kDeliveryId, DeliveryId(change.delivery));
  wire::AppendBytes(out, kChanges, bytes);
}

grpc::ByteBuffer ToByteBuffer(std::string bytes) {
  // The slice takes the string over: no copy.
  auto* owned = new std::string(std::move(bytes));
  const grpc::Slice slice(
      owned->data(), owned->size(), [](void* text) { delete static_cast<std::string*>(text); },
      owned);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace tributary
