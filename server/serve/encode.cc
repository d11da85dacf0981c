#include "server/serve/encode.h"

#include <memory>
#include <utility>

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

// Bytes that AppendPieces adds.
size_t PiecesBytes(std::string_view state, Revision revision, std::string_view raw, View view) {
  size_t bytes = state.size() + 1 + wire::VarintSize(static_cast<uint64_t>(revision));
  if (view == View::kFull && !raw.empty()) bytes += wire::BytesFieldSize(kRawResource, raw.size());
  return bytes;
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
  return PiecesBytes(record.state, record.revision, record.raw, view);
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
  std::string head;  // fields before the resource
  wire::AppendUint(head, kType, static_cast<uint64_t>(TypeOf(change.kind)));
  wire::AppendUint(head, kChangeRevision, static_cast<uint64_t>(change.revision));
  std::string tail;  // fields behind the states
  tail.reserve(change.changed_fields.size() + 64);
  tail.append(change.changed_fields);
  wire::AppendTimestamp(tail, kCommittedAt, change.committed_us);
  wire::AppendTimestamp(tail, kReceivedAt, change.received_us);
  wire::AppendBytes(tail, kDeliveryId, DeliveryId(change.delivery));

  const bool deleted = change.kind == ChangeKind::kDeleted;
  const bool last_state = deleted && change.before != nullptr;
  const std::string key = deleted && !last_state ? KeyState(change.key) : std::string();
  size_t resource_bytes = key.size();
  if (last_state) resource_bytes = ResourceBytes(*change.before, view);
  if (!deleted) resource_bytes = PiecesBytes(change.state, change.revision, change.raw, view);
  size_t bytes = head.size() + wire::BytesFieldSize(kResource, resource_bytes) + tail.size();
  bool previous =
      include_previous && change.kind == ChangeKind::kUpdated && change.before != nullptr;
  if (previous) {
    const size_t with =
        bytes + wire::BytesFieldSize(kPrevious, ResourceBytes(*change.before, view));
    previous = with < limits::kAnswerBytesMax;
    if (previous) bytes = with;
  }

  wire::AppendTag(out, kChanges, wire::Type::kBytes);
  wire::AppendVarint(out, bytes);
  out.append(head);
  wire::AppendTag(out, kResource, wire::Type::kBytes);
  wire::AppendVarint(out, resource_bytes);
  if (!deleted) {
    AppendPieces(out, change.state, change.revision, change.raw, view);
  } else if (last_state) {
    AppendPieces(out, change.before->state, change.before->revision, change.before->raw, view);
  } else {
    out.append(key);
  }
  if (previous) AppendResource(out, kPrevious, *change.before, view);
  out.append(tail);
}

grpc::Slice ToSlice(std::string bytes) {
  auto* owned = new std::string(std::move(bytes));
  return {owned->data(), owned->size(), [](void* text) { delete static_cast<std::string*>(text); },
          owned};
}

grpc::ByteBuffer ToByteBuffer(std::string bytes) {
  const grpc::Slice slice = ToSlice(std::move(bytes));
  return {&slice, 1};
}

}  // namespace tributary
