#include "server/store/sqlite/bodies.h"

#include <zlib.h>

#include <array>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/store/sqlite/rows.h"
#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {
namespace {

// Bodies are JSON: the fastest level gets most of what there is to get, and the writer waits for
// it.
constexpr int kLevel = 1;
constexpr int64_t kAsItIs = -1;  // in the column `size`
// No body is larger, whatever a damaged row says. --max_body_bytes has no bound of its own.
constexpr int64_t kSizeMax = int64_t{1} << 30;
constexpr int kDropsMax = 4096;

// Empty: it would not become smaller.
std::string Compress(std::string_view body) {
  uLongf size = compressBound(body.size());
  std::string packed(size, '\0');
  const int result = compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                               reinterpret_cast<const Bytef*>(body.data()), body.size(), kLevel);
  if (result != Z_OK || size >= body.size()) return "";
  packed.resize(size);
  return packed;
}

int64_t Checksum(int64_t delivery, int64_t size, std::string_view stored) {
  RowChecksum checksum;
  checksum.Add(delivery).Add(stored);
  // Those of older versions of the format are as they are.
  if (size != kAsItIs) checksum.Add(size);
  return checksum.value();
}

std::string_view NameOf(Bodies::Worth worth) {
  constexpr std::array<std::string_view, 3> kNames = {"accepted", "rejected", "parked"};
  return kNames[static_cast<size_t>(worth)];
}

}  // namespace

std::string ReadBody(const Query& query, int first, int64_t delivery) {
  const int64_t size = query.Int(first);
  const std::string_view stored = query.Bytes(first + 2);
  if (query.Int(first + 1) != Checksum(delivery, size, stored)) {
    throw DamagedRow(absl::StrCat("body of delivery ", delivery, ": checksum"));
  }
  if (size == kAsItIs) return std::string(stored);
  if (size < 0 || size > kSizeMax) throw DamagedRow(absl::StrCat("body of ", delivery, ": size"));
  std::string body(static_cast<size_t>(size), '\0');
  uLongf length = body.size();
  const int result = uncompress(reinterpret_cast<Bytef*>(body.data()), &length,
                                reinterpret_cast<const Bytef*>(stored.data()), stored.size());
  if (result != Z_OK || length != body.size()) {
    throw DamagedRow(absl::StrCat("body of delivery ", delivery, ": zlib ", result));
  }
  return body;
}

Bodies::Worth Bodies::WorthOf(Verdict verdict) {
  if (verdict == Verdict::kParked) return Worth::kParked;
  return verdict == Verdict::kRejected ? Worth::kRejected : Worth::kAccepted;
}

Bodies::Bodies(SQLite::Database& database, int64_t bytes_max, SqliteMetrics& metrics)
    : bytes_max_(bytes_max),
      metrics_(metrics),
      keep_(database,
            "INSERT OR REPLACE INTO body (delivery, worth, size, crc, body) VALUES (?,?,?,?,?)"),
      revalue_(database, "UPDATE body SET worth = ?2 WHERE delivery = ?1"),
      size_of_(database, "SELECT length(body) FROM body WHERE delivery = ?"),
      drop_(database, "DELETE FROM body WHERE delivery = ?"),
      oldest_(database, "SELECT delivery FROM body WHERE worth = ? ORDER BY delivery LIMIT 1"),
      put_meta_(database, "UPDATE meta SET value = ?2 WHERE key = ?1") {
  bytes_ = ReadMeta(database, kBodyBytes);
  Committed();
}

void Bodies::Committed() {
  durable_bytes_ = bytes_;
  metrics_.body_bytes.Set(bytes_);
  for (size_t i = 0; i < dropped_.size(); ++i) metrics_.bodies_dropped[i].Add(dropped_[i]);
  dropped_ = {};
}

void Bodies::RolledBack() {
  bytes_ = durable_bytes_;
  dropped_ = {};
}

void Bodies::Keep(int64_t delivery, Worth worth, std::string_view body) {
  const std::string packed = Compress(body);
  const std::string_view stored = packed.empty() ? body : std::string_view(packed);
  const int64_t size = packed.empty() ? kAsItIs : static_cast<int64_t>(body.size());
  Query(keep_)
      .Bind(delivery)
      .Bind(static_cast<int64_t>(worth))
      .Bind(size)
      .Bind(Checksum(delivery, size, stored))
      .Bind(stored)
      .Run();
  bytes_ += static_cast<int64_t>(stored.size());
}

void Bodies::Revalue(int64_t delivery, Worth worth) {
  Query(revalue_).Bind(delivery).Bind(static_cast<int64_t>(worth)).Run();
}

void Bodies::Drop(int64_t delivery) {
  {
    Query size(size_of_);
    size.Bind(delivery);
    if (!size.Next()) return;
    bytes_ -= size.Int(0);
  }
  Query(drop_).Bind(delivery).Run();
}

int64_t Bodies::DropOldest(Worth worth, int64_t number_max) {
  int64_t delivery = 0;
  {
    Query oldest(oldest_);
    oldest.Bind(static_cast<int64_t>(worth));
    if (!oldest.Next() || oldest.Int(0) > number_max) return 0;
    delivery = oldest.Int(0);
  }
  Drop(delivery);
  return delivery;
}

bool Bodies::DropAccepted(int64_t number) { return DropOldest(Worth::kAccepted, number) != 0; }

void Bodies::Trim() {
  int drops = 0;
  for (const Worth worth : {Worth::kAccepted, Worth::kRejected, Worth::kParked}) {
    int64_t dropped = 0;
    while (bytes_ > bytes_max_ && drops++ < kDropsMax &&
           DropOldest(worth, std::numeric_limits<int64_t>::max()) != 0) {
      ++dropped;
    }
    dropped_[static_cast<size_t>(worth)] += static_cast<uint64_t>(dropped);
    // That of an accepted delivery is a convenience; without its body no other can be replayed.
    if (dropped > 0 && worth != Worth::kAccepted) {
      LogWarning(absl::StrCat("ledger: the oldest ", dropped, " bodies of ",
                              std::string(NameOf(worth)),
                              " deliveries were dropped: together the bodies may take ", bytes_max_,
                              " bytes (--ledger_max_bytes)"));
    }
  }
  if (bytes_ != durable_bytes_) Query(put_meta_).BindText(kBodyBytes).Bind(bytes_).Run();
}

}  // namespace tributary::sqlite
