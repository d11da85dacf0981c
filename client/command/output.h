#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace tributary::command {

// Standard output or standard error. Text is kept until Flush. Once the reader has gone (EPIPE), as
// after
// `| head`, everything is dropped and closed() says so: the command then ends quietly. Not
// thread-safe.
class Output {
 public:
  // Does not own `fd`.
  explicit Output(int fd) : fd_(fd) {}

  void Write(std::string_view text);
  void Flush();
  // After Flush: waits until a file that this goes to is on disk; elsewhere there is nothing to do.
  void Sync();

  // True if nobody reads any more. With `look`, asks the system instead of waiting for a failed
  // write.
  bool closed(bool look = false);
  // What went wrong but for a reader that has gone: a full disk, say.
  const absl::Status& status() const { return status_; }

  bool is_terminal() const;
  // The columns of the terminal; nothing if it is none.
  std::optional<size_t> width() const;

 private:
  const int fd_;
  std::string buffer_;
  bool closed_ = false;
  absl::Status status_;
};

}  // namespace tributary::command
