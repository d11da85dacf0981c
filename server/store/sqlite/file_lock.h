#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace tributary::sqlite {

// Keeps a second process away from the database file, for as long as it lives; also when the
// process is killed. It holds `PATH.lock`, which stays behind: to remove it would let two processes
// hold two files of that name.
class FileLock {
 public:
  // FAILED_PRECONDITION: another one holds it. UNAVAILABLE: the lock file can't be written.
  static absl::StatusOr<FileLock> Take(const std::string& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace tributary::sqlite
