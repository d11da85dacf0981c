#include "client/command/follow_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace tributary::command {
namespace {

absl::Status Failure(const std::string& what, const std::string& path) {
  return absl::UnknownError(absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(errno)));
}

// An open file. What fails says why in errno.
class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() { Close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool ok() const { return fd_ >= 0; }

  bool Read(std::string& text) const {
    char buffer[4096];
    ssize_t size = 0;
    while ((size = ::read(fd_, buffer, sizeof(buffer))) > 0) {
      text.append(buffer, static_cast<size_t>(size));
    }
    return size == 0;
  }
  bool Write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno != EINTR) return false;
      if (written > 0) text.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }
  bool Sync() const { return ::fsync(fd_) == 0; }
  bool Close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FollowFile>> FollowFile::Open(const std::string& path) {
  // Not the file itself: each new token is a new file under its name.
  const std::string lock_path = path + ".lock";
  File lock(lock_path, O_RDWR | O_CREAT);
  if (!lock.ok()) return Failure("open", lock_path);
  std::unique_ptr<FollowFile> follow(new FollowFile(path, lock.Release()));
  if (::flock(follow->lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failure("lock", lock_path);
    return absl::AbortedError(absl::StrCat("another watch follows with ", path));
  }
  const File file(path, O_RDONLY);
  if (!file.ok()) {
    if (errno != ENOENT) return Failure("read", path);
    return follow;
  }
  std::string text;
  if (!file.Read(text)) return Failure("read", path);
  follow->token_ = std::string(absl::StripAsciiWhitespace(text));
  return follow;
}

FollowFile::~FollowFile() { ::close(lock_fd_); }

absl::Status FollowFile::Save(const std::string& token) {
  if (token == token_) return absl::OkStatus();
  const std::string next = path_ + ".new";
  File file(next, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok() || !file.Write(token + "\n") || !file.Sync() || !file.Close()) {
    return Failure("write", next);
  }
  if (std::rename(next.c_str(), path_.c_str()) != 0) return Failure("replace", path_);
  // Else a power failure may bring the old token back: nothing lost, but changes shown twice.
  const File folder(FolderOf(path_), O_RDONLY | O_DIRECTORY);
  if (!folder.ok() || !folder.Sync()) return Failure("write", path_);
  token_ = token;
  return absl::OkStatus();
}

}  // namespace tributary::command
