#include "server/store/sqlite/checkpointer.h"

#include <sqlite3.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/timed_vfs.h"

namespace tributary::sqlite {
namespace {

constexpr size_t kCacheBytes = 1024 * 1024;  // it copies pages from the log past the cache

constexpr int64_t kGateTimes = 4;
constexpr int64_t kRetryShare = 4;

}  // namespace

Checkpointer::Checkpointer(const SqliteOptions& options, Writer& writer, ReadPool& pool,
                           Fsyncs& fsyncs)
    : options_(options),
      bytes_(options.checkpoint_bytes),
      gate_bytes_(kGateTimes * bytes_),
      retry_bytes_(bytes_ / kRetryShare),
      writer_(writer),
      pool_(pool),
      database_(OpenForWriting(options.path, kCacheBytes)) {
  WatchFsyncs(*database_, fsyncs);
  database_->setBusyTimeout(
      0);  // readers in the way are no reason to wait: the gate is there for them
  thread_ = std::thread([this] { Run(); });
}

Checkpointer::~Checkpointer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

void Checkpointer::Notice() {
  {
    MutexLock lock(mutex_);
    if (due_ || writer_.log_bytes() < threshold_) return;
    due_ = true;
  }
  wake_.NotifyOne();
}

void Checkpointer::Run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      while (!due_ && !stopping_) wake_.Wait(mutex_);
      if (stopping_) return;
    }
    const bool done = Checkpoint();
    MutexLock lock(mutex_);
    due_ = false;
    threshold_ = done ? bytes_ : std::max(writer_.log_bytes(), bytes_) + retry_bytes_;
  }
}

bool Checkpointer::Checkpoint() {
  // Most of the log is copied beside the writer and the readers, the rest between two commits.
  // A second time for what came meanwhile, so that commits wait for little.
  for (int pass = 0; pass < 2; ++pass) {
    pool_.EndIdleSnapshots();
    StartOver(SQLITE_CHECKPOINT_PASSIVE);
  }
  if (options_.fault_point) options_.fault_point("checkpoint");
  const bool shut = writer_.log_bytes() >= gate_bytes_;
  if (shut) pool_.Close();
  bool done = false;
  writer_.BetweenCommits([&] {
    pool_.EndIdleSnapshots();
    done = StartOver(SQLITE_CHECKPOINT_RESTART);
  });
  if (shut) pool_.Open();
  return done;
}

bool Checkpointer::StartOver(int mode) {
  const int code =
      sqlite3_wal_checkpoint_v2(database_->getHandle(), nullptr, mode, nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY) {
    LogError(absl::StrCat("store: checkpoint: ", sqlite3_errstr(code)));
  }
  return code == SQLITE_OK;
}

}  // namespace tributary::sqlite
