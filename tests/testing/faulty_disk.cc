#include "tests/testing/faulty_disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <set>
#include <system_error>

namespace tributary::testing {
namespace {

using File = FaultyDisk::File;

constexpr int64_t kBlock = 4096;
constexpr int kSector = 512;  // less is written whole or not at all
constexpr int kMethodsVersion = 3;

// Of one file, whoever has it open.
struct Content {
  int64_t durable_size = 0;
  // What the disk holds of the blocks that were written since an fsync last counted.
  std::map<int64_t, std::string> old;
  std::set<int64_t> given_up;  // of these: no fsync makes them count, unless they are written anew
};

// A countdown to something that happens `count` times.
struct Fault {
  int in = 0;  // 0: not at all
  int count = 0;

  bool Strikes() {
    if (in == 0) return false;
    if (in > 1) {
      --in;
      return false;
    }
    if (--count == 0) in = 0;
    return true;
  }
};

struct Disk {
  std::mutex mutex;
  std::map<std::string, Content> files;
  int64_t room = INT64_MAX;
  int64_t room_once_full = 0;
  Fault fill_up;
  Fault fsync_fault;
  File fsync_file = File::kAny;
  Fault power;
  bool dark = false;
  bool struck = false;
  File read_file = File::kAny;
  int64_t cut_at = -1;
  int64_t flip_at = -1;
  int writes = 0;
  std::map<File, int> fsyncs;
};

Disk& TheDisk() {
  static auto* disk = new Disk;
  return *disk;
}

// Lies behind the system's own file, as in server/store/sqlite/timed_vfs.cc.
struct Layer {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* system;
  Content* content;
  File kind;
};

struct Vfs {
  sqlite3_vfs vfs;
  sqlite3_vfs* system;
  int layer_at;
};

Vfs& TheVfs();

Layer& LayerOf(sqlite3_file* file) {
  return *std::launder(reinterpret_cast<Layer*>(reinterpret_cast<char*>(file) + TheVfs().layer_at));
}

int64_t SizeOf(sqlite3_file* file, const Layer& layer) {
  sqlite3_int64 size = 0;
  layer.system->xFileSize(file, &size);
  return size;
}

// Keeps what the disk holds of the blocks of [offset, offset + bytes), before they are written.
void KeepOld(sqlite3_file* file, const Layer& layer, int64_t offset, int64_t bytes) {
  Content& content = *layer.content;
  const int64_t size = SizeOf(file, layer);
  for (int64_t block = offset / kBlock; block * kBlock < offset + bytes; ++block) {
    content.given_up.erase(block);
    const auto [kept, is_new] = content.old.try_emplace(block);
    if (!is_new) continue;
    const int64_t there = std::clamp<int64_t>(size - block * kBlock, 0, kBlock);
    kept->second.resize(static_cast<size_t>(there));
    if (there == 0) continue;
    layer.system->xRead(file, kept->second.data(), static_cast<int>(there), block * kBlock);
  }
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  Disk& disk = TheDisk();
  const Layer& layer = LayerOf(file);
  const std::lock_guard lock(disk.mutex);
  if (disk.dark) return SQLITE_IOERR_WRITE;
  ++disk.writes;
  int fits = size;
  if (disk.power.Strikes()) {
    disk.dark = disk.struck = true;
    fits = size > kSector ? size / 2 : 0;
  }
  if (disk.fill_up.Strikes()) disk.room = disk.room_once_full;
  const int64_t grows = std::max<int64_t>(offset + fits - SizeOf(file, layer), 0);
  if (grows > disk.room) {
    disk.struck = true;
    fits = static_cast<int>(std::max<int64_t>(fits - (grows - disk.room), 0));
    disk.room = 0;
  } else if (disk.room != INT64_MAX) {
    disk.room -= grows;
  }
  if (fits > 0) {
    KeepOld(file, layer, offset, fits);
    if (const int code = layer.system->xWrite(file, bytes, fits, offset); code != SQLITE_OK) {
      return code;
    }
  }
  if (fits == size) return SQLITE_OK;
  return disk.dark ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

int Read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
  Disk& disk = TheDisk();
  const Layer& layer = LayerOf(file);
  const int code = layer.system->xRead(file, bytes, size, offset);
  const std::lock_guard lock(disk.mutex);
  if (code != SQLITE_OK || (disk.read_file != File::kAny && disk.read_file != layer.kind)) {
    return code;
  }
  auto* data = static_cast<char*>(bytes);
  if (disk.flip_at >= offset && disk.flip_at < offset + size) {
    disk.struck = true;
    data[disk.flip_at - offset] ^= 1;
  }
  if (disk.cut_at >= 0 && disk.cut_at < offset + size) {
    disk.struck = true;
    const int64_t left = std::clamp<int64_t>(disk.cut_at - offset, 0, size);
    std::fill(data + left, data + size, '\0');
    return SQLITE_IOERR_SHORT_READ;
  }
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int flags) {
  Disk& disk = TheDisk();
  const Layer& layer = LayerOf(file);
  const std::lock_guard lock(disk.mutex);
  if (disk.dark) return SQLITE_IOERR_FSYNC;
  Content& content = *layer.content;
  ++disk.fsyncs[layer.kind];
  ++disk.fsyncs[File::kAny];
  const bool meant = disk.fsync_file == File::kAny || disk.fsync_file == layer.kind;
  if (meant && disk.fsync_fault.Strikes()) {
    disk.struck = true;
    for (const auto& [block, old] : content.old) content.given_up.insert(block);
    return SQLITE_IOERR_FSYNC;
  }
  const int code = layer.system->xSync(file, flags);
  if (code != SQLITE_OK) return code;
  std::erase_if(content.old,
                [&](const auto& block) { return !content.given_up.contains(block.first); });
  content.durable_size = SizeOf(file, layer);
  return SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  Disk& disk = TheDisk();
  const Layer& layer = LayerOf(file);
  const std::lock_guard lock(disk.mutex);
  if (disk.dark) return SQLITE_IOERR_TRUNCATE;
  Content& content = *layer.content;
  const int64_t before = SizeOf(file, layer);
  const int code = layer.system->xTruncate(file, size);
  if (code != SQLITE_OK) return code;
  if (disk.room != INT64_MAX) disk.room += std::max<int64_t>(before - size, 0);
  content.durable_size = std::min<int64_t>(content.durable_size, size);
  std::erase_if(content.old, [&](const auto& block) { return block.first * kBlock >= size; });
  return SQLITE_OK;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  sqlite3_vfs* system = TheVfs().system;
  {
    const std::lock_guard lock(TheDisk().mutex);
    if (TheDisk().dark) {
      file->pMethods = nullptr;
      return SQLITE_CANTOPEN;
    }
  }
  const int code = system->xOpen(system, name, file, flags, flags_out);
  constexpr int kKept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
  if (file->pMethods == nullptr || name == nullptr || (flags & kKept) == 0) return code;
  auto* layer = new (reinterpret_cast<char*>(file) + TheVfs().layer_at) Layer{};
  layer->system = file->pMethods;
  layer->methods = *layer->system;
  layer->methods.iVersion = std::min(layer->methods.iVersion, kMethodsVersion);
  layer->methods.xRead = Read;
  layer->methods.xWrite = Write;
  layer->methods.xSync = Sync;
  layer->methods.xTruncate = Truncate;
  layer->kind = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? File::kDatabase : File::kLog;
  const std::lock_guard lock(TheDisk().mutex);
  const auto [content, is_new] = TheDisk().files.try_emplace(name);
  const int64_t size = SizeOf(file, *layer);
  if (is_new || size == 0) content->second = {.durable_size = size, .old = {}, .given_up = {}};
  layer->content = &content->second;
  file->pMethods = &layer->methods;
  return code;
}

int Delete(sqlite3_vfs*, const char* name, int sync_directory) {
  sqlite3_vfs* system = TheVfs().system;
  const std::lock_guard lock(TheDisk().mutex);
  if (TheDisk().dark) return SQLITE_IOERR_DELETE;
  if (const auto gone = TheDisk().files.find(name); gone != TheDisk().files.end()) {
    gone->second = Content();  // whoever still has it open has a file without a name
  }
  return system->xDelete(system, name, sync_directory);
}

Vfs& TheVfs() {
  static Vfs the = [] {
    sqlite3_initialize();
    sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
    constexpr int kAlign = alignof(Layer);
    const int layer_at = (system->szOsFile + kAlign - 1) / kAlign * kAlign;
    Vfs made{*system, system, layer_at};
    made.vfs.pNext = nullptr;
    made.vfs.zName = "faulty-disk";
    made.vfs.szOsFile = layer_at + static_cast<int>(sizeof(Layer));
    made.vfs.xOpen = Open;
    made.vfs.xDelete = Delete;
    return made;
  }();
  return the;
}

[[maybe_unused]] const int kRegistered = sqlite3_vfs_register(&TheVfs().vfs, /*makeDflt=*/1);

// All of the file counts.
void ReadAsItIs(const std::string& path, Content& content) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  content = {.durable_size = none ? 0 : static_cast<int64_t>(size), .old = {}, .given_up = {}};
}

void Restore(const std::string& path, Content& content, std::mt19937& random) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file >= 0) {
    int64_t size = content.durable_size;
    for (const auto& [block, old] : content.old) {
      const bool given_up = content.given_up.contains(block);
      if (!given_up && random() % 2 == 0) {
        size = std::max(size, (block + 1) * kBlock);
        continue;
      }
      std::string bytes = old;
      bytes.resize(static_cast<size_t>(kBlock));
      (void)!pwrite(file, bytes.data(), bytes.size(), block * kBlock);
    }
    const off_t end = lseek(file, 0, SEEK_END);
    (void)!ftruncate(file, std::min<off_t>(end, size));
    close(file);
  }
  ReadAsItIs(path, content);
}

}  // namespace

void FaultyDisk::Mend() {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  disk.room = INT64_MAX;
  disk.fill_up = disk.fsync_fault = disk.power = Fault();
  disk.dark = disk.struck = false;
  disk.cut_at = disk.flip_at = -1;
  disk.writes = 0;
  disk.fsyncs.clear();
  for (auto& [path, content] : disk.files) ReadAsItIs(path, content);
}

void FaultyDisk::FillUp(int64_t bytes, int nth) {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  disk.room_once_full = bytes;
  disk.fill_up = {nth, 1};
}

void FaultyDisk::MakeRoom() {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  disk.fill_up = Fault();
  disk.room = INT64_MAX;
}

void FaultyDisk::FailFsync(File file, int nth, int count) {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  disk.fsync_file = file;
  disk.fsync_fault = {nth, count};
}

void FaultyDisk::LosePower(int nth) {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  disk.power = {nth, 1};
  if (nth == 0) disk.dark = disk.struck = true;
}

void FaultyDisk::RestorePower(unsigned seed) {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  std::mt19937 random(seed);
  for (auto& [path, content] : disk.files) Restore(path, content, random);
  disk.power = Fault();
  disk.dark = false;
}

void FaultyDisk::CutReads(File file, int64_t at) {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  disk.read_file = file;
  disk.cut_at = at;
}

void FaultyDisk::FlipReads(File file, int64_t at) {
  Disk& disk = TheDisk();
  const std::lock_guard lock(disk.mutex);
  disk.read_file = file;
  disk.flip_at = at;
}

bool FaultyDisk::struck() {
  const std::lock_guard lock(TheDisk().mutex);
  return TheDisk().struck;
}

int FaultyDisk::writes() {
  const std::lock_guard lock(TheDisk().mutex);
  return TheDisk().writes;
}

int FaultyDisk::fsyncs(File file) {
  const std::lock_guard lock(TheDisk().mutex);
  return TheDisk().fsyncs[file];
}

void FlipByte(const std::string& path, int64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const int byte = file.get();
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 1));
}

}  // namespace tributary::testing
