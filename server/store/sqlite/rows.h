#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/types.h"

// How the rows of the three large tables are written, read and checked. Every row carries a CRC-32C
// over its content and the full key it belongs to, so that a damaged page, or a row under a wrong
// key, is found when it is read.
namespace tributary::sqlite {

// Remarks in the `note` columns.
enum class Note : int64_t {
  kNone = 0,
  kIdempotencyKeyReused = 1,  // IDEMPOTENCY_KEY_REUSED: the same key came before with other content
};

// A row of the table `change`.
struct ChangeRow {
  Change change;
  Version version;
  std::string
      idempotency_key;  // of the delivery whose own change it is; empty: of an embedded resource
  std::string fingerprint;  // likewise, encoded
  Note note = Note::kNone;

  bool IsTombstone() const { return tributary::IsTombstone(change.kind); }
};

// The columns of `change AS c` that ReadChange reads, in its order; `c.raw`, where wanted, comes
// last.
inline constexpr char kChangeColumns[] =
    "c.revision, c.prev, c.scope, c.id, c.kind, c.version_time, c.version_rank, c.delivery,"
    " c.received_us, c.committed_us, c.note, c.crc, c.raw_crc, c.idempotency_key, c.fingerprint,"
    " c.changed_fields, c.state";
inline constexpr int kChangeColumnCount = 17;

inline constexpr char kInsertChange[] =
    "INSERT INTO change (revision, prev, scope, id, kind, version_time, version_rank, delivery,"
    " received_us, committed_us, note, crc, raw_crc, idempotency_key, fingerprint,"
    " changed_fields, state, raw) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

// Runs kInsertChange.
void InsertChange(SQLite::Statement& insert, const ChangeRow& row, int64_t scope);

// The row whose columns begin at `first`. Throws DamagedRow if its checksum is wrong or it is not
// of `scope`.
ChangeRow ReadChange(const Query& query, int first, bool raw, const Scope& scope);

// The same of a row that begins at the first column, where only what a reader of the log is told of
// it is wanted: what else is checked is not copied. `before` is not set.
std::shared_ptr<Change> ReadLogged(const Query& query, bool raw, const Scope& scope);

// The resource as the change left it.
Record RecordOf(ChangeRow row);

// Throws DamagedRow: the row is missing.
[[noreturn]] void ThrowMissing(Revision revision);

// A row of the table `resource`: the newest change of one resource, and the version that later
// deliveries are held against. That may be greater than the change's own: a delivery that changed
// nothing raises it.
struct Pointer {
  Revision revision = 0;
  Version version;
};

// Of `resource AS r`.
inline constexpr char kPointerColumns[] =
    "r.revision, r.version_time, r.version_rank, r.version_delivery, r.crc";
inline constexpr int kPointerColumnCount = 5;

inline constexpr char kPutPointer[] =
    "INSERT INTO resource (scope, id, revision, version_time, version_rank, version_delivery, crc)"
    " VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT (scope, id) DO UPDATE SET revision=?3,"
    " version_time=?4, version_rank=?5, version_delivery=?6, crc=?7";

int64_t PointerChecksum(const Key& key, const Pointer& pointer);
void PutPointer(SQLite::Statement& put, const Key& key, int64_t scope, const Pointer& pointer);

// Throws DamagedRow if the checksum is not that of this pointer under `key`.
Pointer ReadPointer(const Query& query, int first, const Key& key);

// The checksum of a row, over its columns in the order given. Short ones are gathered first: on a
// few bytes a call of Crc32c costs more than the work.
class RowChecksum {
 public:
  RowChecksum& Add(int64_t value);
  RowChecksum& Add(std::string_view bytes);
  RowChecksum& Add(const Key& key);
  int64_t value();

 private:
  void Gather(std::string_view bytes);
  void Flush();

  uint32_t crc_ = 0;
  size_t size_ = 0;
  std::array<char, 256> gathered_;
};

}  // namespace tributary::sqlite
