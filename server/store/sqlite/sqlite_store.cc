#include "server/store/sqlite/sqlite_store.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/store/sqlite/checkpointer.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/file_lock.h"
#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/holds.h"
#include "server/store/sqlite/read_pool.h"
#include "server/store/sqlite/schema.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/settler.h"
#include "server/store/sqlite/writer.h"

namespace tributary {
namespace {

using sqlite::CurrentExceptionToStatus;

// The parts of an open store, in the order in which they need each other.
class SqliteStore final : public Store {
 public:
  // Throws SQLite::Exception or sqlite::DamagedRow.
  SqliteStore(SqliteOptions options, const Clock& clock, sqlite::FileLock lock)
      : lock_(std::move(lock)),
        options_(std::move(options)),
        clock_(clock),
        opened_(Load()),
        writer_(options_, clock, scopes_, overlay_, floors_, holds_, head_),
        readers_(options_, scopes_, overlay_, floors_),
        checkpointer_(options_, writer_, readers_),
        settler_(writer_, [this] { checkpointer_.Notice(); }) {}

  const std::string& id() const override { return opened_.store_id; }

  absl::StatusOr<Committed> Commit(std::span<const Delivery> batch) override {
    if (batch.empty()) return Committed();
    settler_.CommitBegins();
    absl::StatusOr<Committed> committed = writer_.Commit(batch);
    checkpointer_.Notice();
    settler_.CommitEnded();
    return committed;
  }

  absl::StatusOr<Head> GetHead() override {
    return Head{head_.load(), floors_.history.load(), floors_.tombstones.load()};
  }

  absl::StatusOr<std::optional<Record>> Get(const Key& key, bool raw,
                                            std::optional<Revision> at) override {
    return ReadAt(at, [&](sqlite::Reader& reader, Revision shown, Revision head) {
      return reader.Get(key, raw, shown, head);
    });
  }

  absl::StatusOr<RecordBatch> BatchGet(const BatchQuery& query) override {
    return ReadAt(query.revision, [&](sqlite::Reader& reader, Revision shown, Revision head) {
      return reader.BatchGet(query, shown, head);
    });
  }

  absl::StatusOr<RecordPage> List(const RecordQuery& query) override {
    return ReadAt(query.revision, [&](sqlite::Reader& reader, Revision shown, Revision head) {
      return reader.List(query, shown, head);
    });
  }

  absl::StatusOr<ChangePage> Changes(const ChangeQuery& query) override {
    const Revision head = head_.load();
    if (query.after > head) return InFuture(query.after, head);
    return Read([&](sqlite::Reader& reader) { return reader.Changes(query, head); });
  }

  absl::StatusOr<std::vector<Outcome>> Rehearse(std::span<const Delivery> batch) override {
    return writer_.Rehearse(batch);
  }

  absl::StatusOr<DeliveryPage> ListDeliveries(const DeliveryQuery& query) override {
    const Revision head = head_.load();
    return Read([&](sqlite::Reader& reader) { return reader.ListDeliveries(query, head); });
  }

  absl::StatusOr<std::optional<DeliveryRecord>> GetDelivery(int64_t number) override {
    const Revision head = head_.load();
    return Read([&](sqlite::Reader& reader) { return reader.GetDelivery(number, head); });
  }

  absl::StatusOr<int64_t> PurgeDeliveries(std::span<const int64_t> numbers) override {
    absl::StatusOr<int64_t> purged = writer_.Purge(numbers);
    checkpointer_.Notice();
    return purged;
  }

  void HoldHistory(Revision revision) override { holds_.Add(revision, clock_.NowMicros()); }

  absl::StatusOr<std::optional<int64_t>> CommittedAt(Revision revision) override {
    const Revision head = head_.load();
    if (revision <= 0 || revision > head) return std::nullopt;
    return Read([&](sqlite::Reader& reader) { return reader.CommittedAt(revision, head); });
  }

 private:
  sqlite::Opened Load() {
    const auto database = sqlite::OpenForWriting(options_.path, options_.cache_bytes);
    sqlite::LoadScopes(*database, scopes_);
    return sqlite::ReadOpened(*database);
  }

  template <typename Call>
  auto Read(Call call) -> absl::StatusOr<std::invoke_result_t<Call, sqlite::Reader&>> {
    const sqlite::ReadPool::Loan reader = readers_.Borrow();
    try {
      return call(*reader.operator->());
    } catch (const sqlite::Compacted&) {
      reader->EndSnapshot();
      throw;
    } catch (const sqlite::TooManyScopes&) {
      return TooWide();
    } catch (...) {
      reader->EndSnapshot();  // whatever it is now, the next call begins anew
      return CurrentExceptionToStatus("read");
    }
  }

  // A read that shows the revision `at`, or the head.
  template <typename Call>
  auto ReadAt(std::optional<Revision> at, Call call)
      -> absl::StatusOr<std::invoke_result_t<Call, sqlite::Reader&, Revision, Revision>> {
    while (true) {
      const Revision head = head_.load();
      const Revision shown = at.value_or(head);
      if (shown > head) return InFuture(shown, head);
      if (shown < floors_.history.load()) return Passed(shown);
      try {
        return Read([&](sqlite::Reader& reader) { return call(reader, shown, head); });
      } catch (const sqlite::Compacted&) {
        if (at.has_value()) return Passed(shown);  // else the head has moved on: once more
      }
    }
  }

  static absl::Status TooWide() {
    return MakeError(
        absl::StatusCode::kInvalidArgument,
        absl::StrCat("an order is kept per model, connector and owner, and merged over at most ",
                     IndexScan::kScopesMax, " of them: name a connector_id or an owner_id"),
        reason::kScopeTooWide);
  }

  absl::Status Passed(Revision revision) const {
    return MakeError(absl::StatusCode::kOutOfRange,
                     absl::StrCat("revision ", revision, " is no longer kept; the oldest is ",
                                  floors_.history.load()),
                     reason::kRevisionCompacted);
  }

  static absl::Status InFuture(Revision revision, Revision head) {
    return MakeError(absl::StatusCode::kOutOfRange,
                     absl::StrCat("revision ", revision, " is beyond the newest, ", head),
                     reason::kPositionInFuture);
  }

  const sqlite::FileLock lock_;
  const SqliteOptions options_;
  const Clock& clock_;
  sqlite::Scopes scopes_;
  sqlite::Overlay overlay_;
  std::atomic<Revision> head_ = 0;
  sqlite::Floors floors_;
  sqlite::Holds holds_;
  const sqlite::Opened opened_;
  sqlite::Writer writer_;
  sqlite::ReadPool readers_;
  sqlite::Checkpointer checkpointer_;
  sqlite::Settler settler_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteOptions options, const Clock& clock) {
  if (options.path.empty()) {
    return MakeError(absl::StatusCode::kUnavailable, "the store needs the path of a file",
                     reason::kStoreUnavailable);
  }
  // One file, one lock, by whatever name it is reached.
  std::error_code ignored;
  const auto canonical = std::filesystem::weakly_canonical(options.path, ignored);
  if (!ignored) options.path = canonical.string();

  sqlite::ConfigureSqlite();
  const std::string path = options.path;
  TRIBUTARY_RETURN_IF_ERROR(sqlite::CheckFile(path));
  TRIBUTARY_ASSIGN_OR_RETURN(sqlite::FileLock lock, sqlite::FileLock::Take(path));
  TRIBUTARY_RETURN_IF_ERROR(sqlite::CheckFile(path));  // whoever held the lock may have made it
  try {
    TRIBUTARY_RETURN_IF_ERROR(sqlite::CreateOrMigrate(path));
    return std::make_unique<SqliteStore>(std::move(options), clock, std::move(lock));
  } catch (...) {
    const absl::Status status = CurrentExceptionToStatus("opened");
    absl::Status named(status.code(), absl::StrCat(path, ": ", status.message()));
    status.ForEachPayload(
        [&](absl::string_view url, const absl::Cord& payload) { named.SetPayload(url, payload); });
    return named;
  }
}

}  // namespace tributary
