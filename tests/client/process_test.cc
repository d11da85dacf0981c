// The command as a process: signals, pipes and terminals.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "client/command/exit_code.h"
#include "client/command/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/live_server.h"

namespace tributary::command {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LiveServer;

// A file descriptor to read what a process writes, with an end to its patience.
class Reader {
 public:
  explicit Reader(int fd) : fd_(fd) {}
  ~Reader() { Close(); }
  Reader(const Reader&) = delete;

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // All that came until `wanted` is in it; until the end if that is empty.
  const std::string& Until(const std::string& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (wanted.empty() || text_.find(wanted) == std::string::npos) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd poll_fd = {fd_, POLLIN, 0};
      if (left.count() <= 0 || poll(&poll_fd, 1, static_cast<int>(left.count())) <= 0) {
        ADD_FAILURE() << "waited in vain for \"" << wanted << "\" after: " << text_;
        break;
      }
      char buffer[4096];
      const ssize_t size = read(fd_, buffer, sizeof(buffer));
      if (size <= 0) break;
      text_.append(buffer, static_cast<size_t>(size));
    }
    return text_;
  }

 private:
  int fd_;
  std::string text_;
};

struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  int ends[2];
};

// A terminal of a given width: what a process writes to `inside` is read from `outside`.
struct Terminal {
  explicit Terminal(unsigned short columns) : outside(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    grantpt(outside);
    unlockpt(outside);
    inside = open(ptsname(outside), O_RDWR | O_NOCTTY | O_CLOEXEC);
    winsize size = {};
    size.ws_row = 24;
    size.ws_col = columns;
    EXPECT_EQ(ioctl(inside, TIOCSWINSZ, &size), 0);
  }
  int outside;
  int inside;
};

class ProcessTest : public ::testing::Test {
 protected:
  ~ProcessTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  // Starts the command with these as its output and error, which are closed here.
  void Start(std::vector<std::string> line, int out, int err) {
    line.insert(line.begin(), TRIBUTARY_BINARY_DIR "/bin/tributary");
    line.push_back("--address=" + server_.grpc_address());
    line.push_back("--connector=hubspot");
    std::vector<char*> argv;
    for (std::string& word : line) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out, STDOUT_FILENO);
      dup2(err, STDERR_FILENO);
      close_range(3, ~0U, 0);  // the server in this process listens on some of them
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(out);
    close(err);
  }

  int ExitCode() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  LiveServer server_;
  pid_t pid_ = 0;
};

constexpr char kStage[] = R"({"name":"Appointment scheduled","type":"open"})";

TEST_F(ProcessTest, CtrlCEndsAWatchAndSaysHowToGoOn) {
  for (const auto& [signal, code] :
       {std::pair<int, int>{SIGINT, kExitInterrupted}, {SIGTERM, kExitTerminated}}) {
    server_.Put("crmStage", "s" + std::to_string(signal), kStage);
    Pipe out;
    Pipe err;
    Start({"watch", "stages"}, out.ends[1], err.ends[1]);
    Reader shown(out.ends[0]);
    shown.Until("s" + std::to_string(signal));
    kill(pid_, signal);
    EXPECT_EQ(ExitCode(), code);
    EXPECT_THAT(Reader(err.ends[0]).Until(""), HasSubstr("add --from="));
  }
}

TEST_F(ProcessTest, AReaderThatHasGoneEndsItQuietly) {
  server_.Put("crmStage", "s1", kStage);
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"list", "stages"}, {"watch", "stages"}, {"help"}}) {
    Pipe out;
    Pipe err;
    close(out.ends[0]);
    Start(line, out.ends[1], err.ends[1]);
    EXPECT_EQ(ExitCode(), kExitOk) << line[0];
    EXPECT_THAT(Reader(err.ends[0]).Until(""), IsEmpty());
  }
}

TEST_F(ProcessTest, AFullDiskIsAnError) {
  Pipe err;
  Start({"help"}, open("/dev/full", O_WRONLY | O_CLOEXEC), err.ends[1]);
  EXPECT_EQ(ExitCode(), kExitError);
  EXPECT_THAT(Reader(err.ends[0]).Until(""), HasSubstr("cannot write the output"));
}

TEST_F(ProcessTest, AWatchGoesOnWhenTheServerComesBack) {
  server_.Put("crmStage", "s1", kStage);
  Pipe out;
  Pipe err;
  Start({"watch", "stages", "--output=jsonl"}, out.ends[1], err.ends[1]);
  Reader shown(out.ends[0]);
  Reader notes(err.ends[0]);
  shown.Until("\"s1\"");
  server_.Restart();
  notes.Until("again in");
  server_.Put("crmStage", "s2", kStage);
  const std::string& text = shown.Until("\"s2\"");
  EXPECT_EQ(text.find("\"s1\""), text.rfind("\"s1\"")) << "shown once: " << text;
  kill(pid_, SIGINT);
  EXPECT_EQ(ExitCode(), kExitInterrupted);
}

TEST_F(ProcessTest, ATableFitsTheTerminal) {
  server_.Put("crmStage", "default::" + std::string(80, 'x'), kStage);
  Terminal terminal(60);
  Pipe err;
  Start({"list", "stages"}, terminal.inside, err.ends[1]);
  Reader screen(terminal.outside);
  // The other end of a terminal fails to be read when the process has gone.
  std::string text = screen.Until("\n");
  EXPECT_EQ(ExitCode(), kExitOk);
  text = screen.Until("");
  EXPECT_THAT(text, HasSubstr("…"));
  for (size_t begin = 0, end; (end = text.find("\r\n", begin)) != std::string::npos;
       begin = end + 2) {
    EXPECT_LE(DisplayWidth(text.substr(begin, end - begin)), 60u);
  }
}

}  // namespace
}  // namespace tributary::command
