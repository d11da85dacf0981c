#include "server/serve/encode.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "server/base/limits.h"
#include "server/base/wire.h"
#include "server/serve/feed_shape.h"

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
  kCoalesced = 8,
  kKey = 9,  // of the feed's change only
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
  size_t bytes = state.size();
  if (revision != 0) bytes += 1 + wire::VarintSize(static_cast<uint64_t>(revision));
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

// tributary.v1.ResourceKey
std::string KeyMessage(const Key& key) {
  std::string message;
  uint32_t field = 0;
  for (const std::string* part : {&key.model, &key.connector_id, &key.owner_id, &key.id}) {
    wire::AppendBytes(message, ++field, *part);
  }
  return message;
}

// A state as a stream shows it: the resource itself or, in the feed, inside its arm of the `oneof`.
// Refers to what it was made of.
class Shown {
 public:
  Shown(const Key& key, std::string_view state, Revision revision, std::string_view raw,
        ChangeFormat format)
      : state_(state),
        revision_(revision),
        raw_(raw),
        view_(format.view),
        arm_(format.feed == nullptr ? 0 : format.feed->ArmOf(key.model)) {}
  Shown(const Key& key, const Record& record, ChangeFormat format)
      : Shown(key, record.state, record.revision, record.raw, format) {}

  size_t BytesAs(uint32_t number) const { return wire::BytesFieldSize(number, Inside()); }

  void AppendAs(std::string& out, uint32_t number) const {
    wire::AppendTag(out, number, wire::Type::kBytes);
    wire::AppendVarint(out, Inside());
    if (arm_ != 0) {
      wire::AppendTag(out, arm_, wire::Type::kBytes);
      wire::AppendVarint(out, Pieces());
    }
    AppendPieces(out, state_, revision_, raw_, view_);
  }

 private:
  size_t Pieces() const { return PiecesBytes(state_, revision_, raw_, view_); }
  size_t Inside() const { return arm_ == 0 ? Pieces() : wire::BytesFieldSize(arm_, Pieces()); }

  const std::string_view state_;
  const Revision revision_;
  const std::string_view raw_;
  const View view_;
  const uint32_t arm_;
};

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
  AppendResource(out, number, RecordView{record.revision, record.state, record.raw}, view);
}

void AppendResource(std::string& out, uint32_t number, const RecordView& record, View view) {
  wire::AppendTag(out, number, wire::Type::kBytes);
  wire::AppendVarint(out, PiecesBytes(record.state, record.revision, record.raw, view));
  AppendPieces(out, record.state, record.revision, record.raw, view);
}

void AppendExisting(std::string& out, const Record& record, ChangeFormat format) {
  std::string change;
  wire::AppendUint(change, kType, static_cast<uint64_t>(ChangeType::kExisting));
  wire::AppendUint(change, kChangeRevision, static_cast<uint64_t>(record.revision));
  Shown(record.key, record, format).AppendAs(change, kResource);
  if (format.feed != nullptr) wire::AppendBytes(change, kKey, KeyMessage(record.key));
  wire::AppendBytes(out, kChanges, change);
}

void AppendChange(std::string& out, const Change& change, ChangeFormat format) {
  AppendChange(out, change, {TypeOf(change.kind), false}, format);
}

void AppendChange(std::string& out, const Change& change, const Telling& telling,
                  ChangeFormat format) {
  std::string head;  // fields before the resource
  wire::AppendUint(head, kType, static_cast<uint64_t>(telling.type));
  wire::AppendUint(head, kChangeRevision, static_cast<uint64_t>(change.revision));
  const std::string_view changed_fields =
      telling.coalesced ? std::string_view() : change.changed_fields;
  // Fields behind those. Every change has some: the room for them is kept from one to the next.
  thread_local std::string tail;
  tail.clear();
  wire::AppendTimestamp(tail, kCommittedAt, change.committed_us);
  wire::AppendTimestamp(tail, kReceivedAt, change.received_us);
  wire::AppendUint(tail, kCoalesced, telling.coalesced ? 1 : 0);
  if (format.feed != nullptr) wire::AppendBytes(tail, kKey, KeyMessage(change.key));
  wire::AppendBytes(tail, kDeliveryId, DeliveryId(change.delivery));

  const bool deleted = IsTombstone(change.kind);
  const bool last_state = deleted && change.before != nullptr;
  const std::string key = deleted && !last_state ? KeyState(change.key) : std::string();
  const Shown resource = last_state ? Shown(change.key, *change.before, format)
                         : deleted
                             ? Shown(change.key, key, 0, "", format)
                             : Shown(change.key, change.state, change.revision, change.raw, format);
  size_t bytes = head.size() + resource.BytesAs(kResource) + changed_fields.size() + tail.size();
  std::optional<Shown> previous;
  if (format.include_previous && !deleted && !telling.coalesced && change.before != nullptr) {
    previous.emplace(change.key, *change.before, format);
    const size_t with = bytes + previous->BytesAs(kPrevious);
    if (with < limits::kAnswerBytesMax) {
      bytes = with;
    } else {
      previous.reset();
    }
  }

  wire::AppendTag(out, kChanges, wire::Type::kBytes);
  wire::AppendVarint(out, bytes);
  out.append(head);
  resource.AppendAs(out, kResource);
  if (previous.has_value()) previous->AppendAs(out, kPrevious);
  out.append(changed_fields);
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
