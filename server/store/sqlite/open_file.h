#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "server/base/clock.h"
#include "server/store/sqlite/checkpointer.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/floors.h"
#include "server/store/sqlite/holds.h"
#include "server/store/sqlite/overlay.h"
#include "server/store/sqlite/read_pool.h"
#include "server/store/sqlite/schema.h"
#include "server/store/sqlite/scopes.h"
#include "server/store/sqlite/settler.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/sqlite/timed_vfs.h"
#include "server/store/sqlite/writer.h"

namespace tributary::sqlite {

// The parts of an open file, in the order in which they need each other, with all that is known of
// it in memory. What it is given must outlive it.
struct OpenFile {
  // Throws SQLite::Exception or DamagedRow. `on_failed_fsync` is as Fsyncs says.
  OpenFile(const SqliteOptions& options, const Clock& clock, Holds& holds,
           std::function<void()> on_failed_fsync)
      : fsyncs(*options.metrics, std::move(on_failed_fsync)),
        store_id(Load(options)),
        writer(options, clock, scopes, overlay, floors, holds, fsyncs, head),
        readers(options, scopes, overlay, floors),
        checkpointer(options, writer, readers, fsyncs),
        settler(writer, [this] { checkpointer.Notice(); }) {}

  Fsyncs fsyncs;
  Scopes scopes;
  Overlay overlay;
  std::atomic<Revision> head = 0;
  Floors floors;
  const std::string store_id;
  Writer writer;
  ReadPool readers;
  Checkpointer checkpointer;
  Settler settler;

 private:
  std::string Load(const SqliteOptions& options) {
    const auto database = OpenForWriting(options.path, options.cache_bytes);
    LoadScopes(*database, scopes);
    return ReadOpened(*database).store_id;
  }
};

}  // namespace tributary::sqlite
