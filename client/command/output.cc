#include "client/command/output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tributary::command {
namespace {

constexpr size_t kBufferBytesMax = 64 << 10;
constexpr size_t kWidthIfUnknown = 80;

}  // namespace

void Output::Write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytesMax) Flush();
}

void Output::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !closed_ && status_.ok()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      closed_ = true;
    } else if (errno != EINTR) {
      status_ = absl::UnknownError(absl::StrCat("cannot write the output: ", std::strerror(errno)));
    }
  }
  buffer_.clear();
}

void Output::Sync() {
  // A pipe, a socket and a terminal cannot be synced, and say so with EINVAL or EROFS.
  if (closed_ || !status_.ok() || ::fsync(fd_) == 0 || errno == EINVAL || errno == EROFS) return;
  status_ = absl::UnknownError(absl::StrCat("cannot write the output: ", std::strerror(errno)));
}

bool Output::closed(bool look) {
  if (look && !closed_) {
    pollfd poll_fd = {fd_, 0, 0};
    if (::poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLERR) != 0) closed_ = true;
  }
  return closed_;
}

bool Output::is_terminal() const { return ::isatty(fd_) == 1; }

std::optional<size_t> Output::width() const {
  if (!is_terminal()) return std::nullopt;
  winsize size = {};
  if (::ioctl(fd_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWidthIfUnknown;
  return size.ws_col;
}

}  // namespace tributary::command
