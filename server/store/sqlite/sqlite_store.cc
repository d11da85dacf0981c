#include "server/store/sqlite/sqlite_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/file_lock.h"
#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/gate.h"
#include "server/store/sqlite/holds.h"
#include "server/store/sqlite/log_check.h"
#include "server/store/sqlite/open_file.h"
#include "server/store/sqlite/schema.h"

namespace tributary {
namespace {

using sqlite::CurrentExceptionToStatus;
using sqlite::OpenFile;

constexpr int kPausesMax = 30;  // between two attempts to open the file

absl::Status Unavailable(std::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, why, reason::kStoreUnavailable);
}

absl::Status TooWide() {
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("an order is kept per model, connector and owner, and merged over at most ",
                   IndexScan::kScopesMax, " of them: name a connector_id or an owner_id"),
      reason::kScopeTooWide);
}

absl::Status Passed(Revision revision, Revision floor) {
  return MakeError(absl::StatusCode::kOutOfRange,
                   absl::StrCat("revision ", revision, " is no longer kept; the oldest is ", floor),
                   reason::kRevisionCompacted);
}

absl::Status InFuture(Revision revision, Revision head) {
  return MakeError(absl::StatusCode::kOutOfRange,
                   absl::StrCat("revision ", revision, " is beyond the newest, ", head),
                   reason::kPositionInFuture);
}

// One read on a connection of `file`.
template <typename Call>
auto Read(OpenFile& file, Call call)
    -> absl::StatusOr<std::invoke_result_t<Call, sqlite::Reader&>> {
  const sqlite::ReadPool::Loan reader = file.readers.Borrow();
  try {
    return call(*reader.operator->());
  } catch (const sqlite::Compacted&) {
    reader->EndSnapshot();
    throw;
  } catch (const sqlite::TooManyScopes&) {
    return TooWide();
  } catch (...) {
    const absl::Status status = CurrentExceptionToStatus("read");
    reader->Forget();  // whatever it is now, the next call begins anew
    return status;
  }
}

// A read that shows the revision `at`, or the head.
template <typename Call>
auto ReadAt(OpenFile& file, std::optional<Revision> at, Call call)
    -> absl::StatusOr<std::invoke_result_t<Call, sqlite::Reader&, Revision, Revision>> {
  while (true) {
    const Revision head = file.head.load();
    const Revision shown = at.value_or(head);
    if (shown > head) return InFuture(shown, head);
    if (shown < file.floors.history.load()) return Passed(shown, file.floors.history.load());
    try {
      return Read(file, [&](sqlite::Reader& reader) { return call(reader, shown, head); });
    } catch (const sqlite::Compacted&) {
      // Else the head has moved on: once more.
      if (at.has_value()) return Passed(shown, file.floors.history.load());
    }
  }
}

// A file that is open, but for the moments after a failed fsync.
class SqliteStore final : public Store {
 public:
  // Throws SQLite::Exception or sqlite::DamagedRow.
  SqliteStore(SqliteOptions options, const Clock& clock, sqlite::FileLock lock)
      : lock_(std::move(lock)), options_(std::move(options)), clock_(clock) {
    OpenFileAgain();
    id_ = file_->store_id;
    reopener_ = std::thread([this] { Run(); });
  }

  ~SqliteStore() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    wake_.NotifyOne();
    reopener_.join();
  }

  const std::string& id() const override { return id_; }

  absl::StatusOr<Committed> Commit(std::span<const Delivery> batch) override {
    if (batch.empty()) return Committed();
    return InFile([&](OpenFile& file) {
      file.settler.CommitBegins();
      absl::StatusOr<Committed> committed = file.writer.Commit(batch);
      file.checkpointer.Notice();
      file.settler.CommitEnded();
      if (committed.ok()) {
        committed->changes.insert(committed->changes.begin(), unpublished_.begin(),
                                  unpublished_.end());
        unpublished_.clear();
      }
      return committed;
    });
  }

  absl::StatusOr<Head> GetHead() override {
    return InFile([](OpenFile& file) -> absl::StatusOr<Head> {
      return Head{file.head.load(), file.floors.history.load(), file.floors.tombstones.load()};
    });
  }

  absl::StatusOr<std::optional<Record>> Get(const Key& key, bool raw,
                                            std::optional<Revision> at) override {
    return InFile([&](OpenFile& file) {
      return ReadAt(file, at, [&](sqlite::Reader& reader, Revision shown, Revision head) {
        return reader.Get(key, raw, shown, head);
      });
    });
  }

  absl::StatusOr<RecordBatch> BatchGet(const BatchQuery& query) override {
    return InFile([&](OpenFile& file) {
      return ReadAt(file, query.revision,
                    [&](sqlite::Reader& reader, Revision shown, Revision head) {
                      return reader.BatchGet(query, shown, head);
                    });
    });
  }

  absl::StatusOr<RecordPage> List(const RecordQuery& query) override {
    return InFile([&](OpenFile& file) {
      return ReadAt(file, query.revision,
                    [&](sqlite::Reader& reader, Revision shown, Revision head) {
                      return reader.List(query, shown, head);
                    });
    });
  }

  absl::StatusOr<ChangePage> Changes(const ChangeQuery& query) override {
    return InFile([&](OpenFile& file) -> absl::StatusOr<ChangePage> {
      const Revision head = file.head.load();
      if (query.after > head) return InFuture(query.after, head);
      return Read(file, [&](sqlite::Reader& reader) { return reader.Changes(query, head); });
    });
  }

  absl::StatusOr<std::vector<Outcome>> Rehearse(std::span<const Delivery> batch) override {
    return InFile([&](OpenFile& file) { return file.writer.Rehearse(batch); });
  }

  absl::StatusOr<DeliveryPage> ListDeliveries(const DeliveryQuery& query) override {
    return InFile([&](OpenFile& file) {
      const Revision head = file.head.load();
      return Read(file, [&](sqlite::Reader& reader) { return reader.ListDeliveries(query, head); });
    });
  }

  absl::StatusOr<std::optional<DeliveryRecord>> GetDelivery(int64_t number) override {
    return InFile([&](OpenFile& file) {
      const Revision head = file.head.load();
      return Read(file, [&](sqlite::Reader& reader) { return reader.GetDelivery(number, head); });
    });
  }

  absl::StatusOr<int64_t> PurgeDeliveries(std::span<const int64_t> numbers) override {
    return InFile([&](OpenFile& file) {
      absl::StatusOr<int64_t> purged = file.writer.Purge(numbers);
      file.checkpointer.Notice();
      return purged;
    });
  }

  void HoldHistory(Revision revision) override { holds_.Add(revision, clock_.NowMicros()); }

  absl::StatusOr<std::optional<int64_t>> CommittedAt(Revision revision) override {
    return InFile([&](OpenFile& file) -> absl::StatusOr<std::optional<int64_t>> {
      const Revision head = file.head.load();
      if (revision <= 0 || revision > head) return std::nullopt;
      return Read(file, [&](sqlite::Reader& reader) { return reader.CommittedAt(revision, head); });
    });
  }

 private:
  // Works in the open file; while it is being opened anew, waits for that.
  template <typename Work>
  std::invoke_result_t<Work, OpenFile&> InFile(Work work) {
    const sqlite::Gate::Pass pass(gate_);
    if (file_ == nullptr) return Unavailable("the store is being opened again after a disk error");
    return work(*file_);
  }

  void OpenFileAgain() {
    file_ = std::make_unique<OpenFile>(options_, clock_, holds_, [this] {
      options_.metrics->in_doubt.store(true);
      MutexLock lock(mutex_);
      fsync_failed_ = true;
      wake_.NotifyOne();
    });
  }

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Reopen();
  void KeepUnpublished(Revision shown);
  void FaultPoint(const char* step) const {
    if (options_.fault_point) options_.fault_point(step);
  }

  const sqlite::FileLock lock_;
  const SqliteOptions options_;
  const Clock& clock_;
  std::string id_;
  sqlite::Holds holds_;

  Mutex mutex_;
  Condition wake_;
  bool fsync_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Changed only while nobody is through the gate.
  sqlite::Gate gate_;
  std::unique_ptr<OpenFile> file_;  // null: it could not be opened again so far
  Revision shown_ = 0;              // the head when it was last open
  // What is on the disk though its commit had failed; nobody was told of it yet. It is not shown
  // before the next commit, with which it is handed out.
  std::vector<ChangePtr> unpublished_;

  std::thread reopener_;
};

void SqliteStore::Run() {
  using Time = std::chrono::steady_clock;
  int pauses = 1;
  std::optional<Time::time_point> last;  // attempt
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!fsync_failed_ && !stopping_) wake_.Wait(mutex_);
      // At once, unless the last attempt did not help for long.
      const Time::time_point now = Time::now();
      const bool again = last.has_value() && now < *last + kPausesMax * options_.reopen_pause;
      const Time::time_point next = again ? *last + pauses * options_.reopen_pause : now;
      while (!stopping_ && Time::now() < next) wake_.WaitUntil(mutex_, next);
      if (stopping_) return;
      pauses = again ? std::min(2 * pauses, kPausesMax) : 1;
      fsync_failed_ = false;
    }
    const bool opened = Reopen();
    last = Time::now();
    MutexLock lock(mutex_);
    fsync_failed_ = fsync_failed_ || !opened;
  }
}

// False: it has to be done again.
bool SqliteStore::Reopen() {
  LogError("store: nothing is acknowledged until the file was opened anew, after a failed fsync");
  gate_.Shut();
  FaultPoint("reopening");
  if (file_ != nullptr) shown_ = file_->head.load();
  file_.reset();
  try {
    if (const absl::Status log = sqlite::CheckLog(options_.path); !log.ok()) {
      LogError(absl::StrCat("store: ", log.message()));
    } else {
      OpenFileAgain();
      KeepUnpublished(shown_);
    }
  } catch (...) {
    (void)CurrentExceptionToStatus("opened anew");
    file_.reset();
  }
  const bool opened = file_ != nullptr && !file_->fsyncs.failed();
  if (opened) LogInfo("store: the file was opened anew");
  FaultPoint("reopened");
  gate_.Open();
  return opened;
}

void SqliteStore::KeepUnpublished(Revision shown) {
  const Revision head = file_->head.load();
  const sqlite::ReadPool::Loan reader = file_->readers.Borrow();
  unpublished_ = reader->Log(shown, head);
  reader->EndSnapshot();
  file_->head.store(shown);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteOptions options, const Clock& clock) {
  if (options.path.empty()) return Unavailable("the store needs the path of a file");
  // One file, one lock, by whatever name it is reached.
  std::error_code ignored;
  const auto canonical = std::filesystem::weakly_canonical(options.path, ignored);
  if (!ignored) options.path = canonical.string();

  sqlite::ConfigureSqlite();
  const std::string path = options.path;
  TRIBUTARY_RETURN_IF_ERROR(sqlite::CheckFile(path));
  TRIBUTARY_ASSIGN_OR_RETURN(sqlite::FileLock lock, sqlite::FileLock::Take(path));
  TRIBUTARY_RETURN_IF_ERROR(sqlite::CheckFile(path));  // whoever held the lock may have made it
  TRIBUTARY_RETURN_IF_ERROR(sqlite::CheckLog(path));
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
