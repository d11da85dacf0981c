#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tributary::command {

// The file in which a watch keeps its resume token from one run to the next. At every moment it
// holds one whole token, the old one or the new one, also after a crash; FILE.lock beside it is
// locked as long as this lives, so that no two runs move one position. Not thread-safe.
class FollowFile {
 public:
  // Reads what an earlier run has kept; a file that is not there yet, or is empty, holds no token.
  // ABORTED if another process follows with the file.
  static absl::StatusOr<std::unique_ptr<FollowFile>> Open(const std::string& path);
  ~FollowFile();

  FollowFile(const FollowFile&) = delete;
  FollowFile& operator=(const FollowFile&) = delete;

  const std::string& path() const { return path_; }
  const std::string& token() const { return token_; }

  // Replaces the token; when it returns OK the new one is on disk.
  absl::Status Save(const std::string& token);

 private:
  FollowFile(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}

  const std::string path_;
  const int lock_fd_;
  std::string token_;
};

}  // namespace tributary::command
