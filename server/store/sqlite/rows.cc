#include "server/store/sqlite/rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/hash.h"

namespace tributary::sqlite {
namespace {

// What is checked of a row of the log and is no part of the change. Refers to what it was made of.
struct Unshown {
  Version version;
  Note note = Note::kNone;
  std::string_view idempotency_key;
  std::string_view fingerprint;
};

Unshown UnshownOf(const ChangeRow& row) {
  return {row.version, row.note, row.idempotency_key, row.fingerprint};
}

int64_t ChangeChecksum(const Change& change, const Unshown& unshown) {
  RowChecksum checksum;
  checksum.Add(change.revision)
      .Add(change.prev)
      .Add(change.key)
      .Add(static_cast<int64_t>(change.kind))
      .Add(unshown.version.time_us)
      .Add(static_cast<int64_t>(unshown.version.rank))
      .Add(change.delivery)
      .Add(change.received_us)
      .Add(change.committed_us)
      .Add(static_cast<int64_t>(unshown.note))
      .Add(unshown.idempotency_key)
      .Add(change.changed_fields)
      .Add(change.state);
  // Rows of the first version of the format have none.
  if (!unshown.fingerprint.empty()) checksum.Add(unshown.fingerprint);
  return checksum.value();
}

// Of its own, because most reads leave the raw resource on the disk.
int64_t RawChecksum(Revision revision, std::string_view raw) {
  return RowChecksum().Add(revision).Add(raw).value();
}

// Sets what the columns from `first` on say of `change`, which is new.
Unshown ReadChecked(const Query& query, int first, bool raw, const Scope& scope, Change& change) {
  change.revision = query.Int(first);
  if (query.Int(first + 2) != scope.id) {
    throw DamagedRow(absl::StrCat("change ", change.revision, ": scope"));
  }
  change.prev = query.Int(first + 1);
  change.key.model = scope.model;
  change.key.connector_id = scope.connector_id;
  change.key.owner_id = scope.owner_id;
  change.key.id = query.Bytes(first + 3);
  change.kind = static_cast<ChangeKind>(query.Int(first + 4));
  change.delivery = query.Int(first + 7);
  change.received_us = query.Int(first + 8);
  change.committed_us = query.Int(first + 9);
  change.changed_fields = query.Bytes(first + 15);
  change.state = query.Bytes(first + 16);
  Unshown unshown;
  unshown.version = {query.Int(first + 5), static_cast<Rank>(query.Int(first + 6)),
                     change.delivery};
  unshown.note = static_cast<Note>(query.Int(first + 10));
  unshown.idempotency_key = query.Bytes(first + 13);
  unshown.fingerprint = query.Bytes(first + 14);
  if (query.Int(first + 11) != ChangeChecksum(change, unshown)) {
    throw DamagedRow(absl::StrCat("change ", change.revision, ": checksum"));
  }
  if (raw) {
    change.raw = query.Bytes(first + kChangeColumnCount);
    if (query.Int(first + 12) != RawChecksum(change.revision, change.raw)) {
      throw DamagedRow(absl::StrCat("change ", change.revision, ": checksum of raw"));
    }
  }
  return unshown;
}

}  // namespace

RowChecksum& RowChecksum::Add(int64_t value) {
  // The bytes of the host: little-endian hosts only, as all we run on.
  if (sizeof value > gathered_.size() - size_) Flush();
  std::memcpy(gathered_.data() + size_, &value, sizeof value);
  size_ += sizeof value;
  return *this;
}

RowChecksum& RowChecksum::Add(std::string_view bytes) {
  Add(static_cast<int64_t>(bytes.size()));
  Gather(bytes);
  return *this;
}

RowChecksum& RowChecksum::Add(const Key& key) {
  return Add(key.model).Add(key.connector_id).Add(key.owner_id).Add(key.id);
}

int64_t RowChecksum::value() {
  Flush();
  return crc_;
}

void RowChecksum::Gather(std::string_view bytes) {
  if (bytes.size() > gathered_.size() - size_) Flush();
  if (bytes.size() > gathered_.size()) {
    crc_ = Crc32c(bytes, crc_);
    return;
  }
  std::copy(bytes.begin(), bytes.end(), gathered_.begin() + size_);
  size_ += bytes.size();
}

void RowChecksum::Flush() {
  crc_ = Crc32c({gathered_.data(), size_}, crc_);
  size_ = 0;
}

void InsertChange(SQLite::Statement& insert, const ChangeRow& row, int64_t scope) {
  const Change& change = row.change;
  Query(insert)
      .Bind(change.revision)
      .Bind(change.prev)
      .Bind(scope)
      .Bind(change.key.id)
      .Bind(static_cast<int64_t>(change.kind))
      .Bind(row.version.time_us)
      .Bind(static_cast<int64_t>(row.version.rank))
      .Bind(change.delivery)
      .Bind(change.received_us)
      .Bind(change.committed_us)
      .Bind(static_cast<int64_t>(row.note))
      .Bind(ChangeChecksum(change, UnshownOf(row)))
      .Bind(RawChecksum(change.revision, change.raw))
      .Bind(row.idempotency_key)
      .Bind(row.fingerprint)
      .Bind(change.changed_fields)
      .Bind(change.state)
      .Bind(change.raw)
      .Run();
}

ChangeRow ReadChange(const Query& query, int first, bool raw, const Scope& scope) {
  ChangeRow row;
  const Unshown unshown = ReadChecked(query, first, raw, scope, row.change);
  row.version = unshown.version;
  row.note = unshown.note;
  row.idempotency_key = unshown.idempotency_key;
  row.fingerprint = unshown.fingerprint;
  return row;
}

std::shared_ptr<Change> ReadLogged(const Query& query, bool raw, const Scope& scope) {
  auto change = std::make_shared<Change>();
  ReadChecked(query, 0, raw, scope, *change);
  return change;
}

Record RecordOf(ChangeRow row) {
  Record record;
  record.revision = row.change.revision;
  record.deleted = row.IsTombstone();
  record.key = std::move(row.change.key);
  record.state = std::move(row.change.state);
  record.raw = std::move(row.change.raw);
  return record;
}

void ThrowMissing(Revision revision) {
  throw DamagedRow(absl::StrCat("change ", revision, " is missing"));
}

int64_t PointerChecksum(const Key& key, const Pointer& pointer) {
  return RowChecksum()
      .Add(key)
      .Add(pointer.revision)
      .Add(pointer.version.time_us)
      .Add(static_cast<int64_t>(pointer.version.rank))
      .Add(pointer.version.delivery)
      .value();
}

void PutPointer(SQLite::Statement& put, const Key& key, int64_t scope, const Pointer& pointer) {
  Query(put)
      .Bind(scope)
      .Bind(key.id)
      .Bind(pointer.revision)
      .Bind(pointer.version.time_us)
      .Bind(static_cast<int64_t>(pointer.version.rank))
      .Bind(pointer.version.delivery)
      .Bind(PointerChecksum(key, pointer))
      .Run();
}

Pointer ReadPointer(const Query& query, int first, const Key& key) {
  Pointer pointer;
  pointer.revision = query.Int(first);
  pointer.version = {query.Int(first + 1), static_cast<Rank>(query.Int(first + 2)),
                     query.Int(first + 3)};
  if (query.Int(first + 4) != PointerChecksum(key, pointer)) {
    throw DamagedRow(absl::StrCat("pointer to change ", pointer.revision));
  }
  return pointer;
}

}  // namespace tributary::sqlite
