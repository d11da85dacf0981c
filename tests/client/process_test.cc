// The command as a process: signals, pipes and terminals.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "client/command/exit_code.h"
#include "client/command/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/live_server.h"
#include "tests/testing/temp_dir.h"

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

// Runs of a watch with one file for the position and one for the output, which are killed.
class FollowFileProcessTest : public ProcessTest {
 protected:
  void StartToFollow() {
    Pipe err;
    Start({"watch", "stages", "--output=jsonl", "--from=beginning", "--follow_file=" + token_},
          open(out_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), err.ends[1]);
    errors_ = std::make_unique<Reader>(err.ends[0]);
  }

  void WaitFor(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "in vain; printed: " << Text(out_);
      std::this_thread::yield();
    }
  }

  // Changes one of a few stages, to what none of them was before.
  int64_t Put() {
    const std::string number = std::to_string(++puts_);
    return server_.Put("crmStage", "s" + number.substr(number.size() - 1),
                       R"({"type":"open","name":")" + number + "\"}");
  }

  static std::string Text(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // The revisions in the output, in its order. A kill may tear a line in the middle of its write;
  // what the next run writes then stands behind the rest of it.
  std::vector<int64_t> Revisions() const {
    const std::string key = "\"revision\":\"";
    std::vector<int64_t> revisions;
    const std::string text = Text(out_);
    for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string line = text.substr(begin, end - begin);
      // Of the change, which stands in front of that of the resource.
      const size_t at = line.find(key, line.rfind("{\"type\":\"CHANGE_TYPE_"));
      if (at == std::string::npos) {
        ADD_FAILURE() << "no change: " << line;
      } else {
        revisions.push_back(std::stoll(line.substr(at + key.size())));
      }
    }
    return revisions;
  }

  testing::TempDir dir_;
  const std::string token_ = dir_.File("token");
  const std::string out_ = dir_.File("out");
  std::unique_ptr<Reader> errors_;
  int puts_ = 0;
};

TEST_F(FollowFileProcessTest, RunsThatAreEndedShowEachChangeOnce) {
  std::vector<int64_t> expected;
  for (int run = 0; run < 6; ++run) {
    for (int i = 0; i < 3; ++i) expected.push_back(Put());
    StartToFollow();
    WaitFor([&] { return Revisions().size() >= expected.size(); });
    expected.push_back(Put());  // may come before the end or after it
    kill(pid_, SIGTERM);
    EXPECT_EQ(ExitCode(), kExitTerminated);
  }
  StartToFollow();
  WaitFor([&] { return Revisions().size() >= expected.size(); });
  EXPECT_EQ(Revisions(), expected);
}

TEST_F(FollowFileProcessTest, ARunThatIsKilledAfterItKeptItsPositionShowsNothingTwice) {
  std::vector<int64_t> expected;
  for (int run = 0; run < 6; ++run) {
    const std::string before = Text(token_);
    StartToFollow();
    expected.push_back(Put());
    // A position that holds the change is kept after its line was written.
    WaitFor([&] { return Revisions() == expected && Text(token_) != before; });
    kill(pid_, SIGKILL);
    EXPECT_EQ(ExitCode(), -SIGKILL);
  }
  StartToFollow();
  expected.push_back(Put());
  WaitFor([&] { return Revisions().size() >= expected.size(); });
  EXPECT_EQ(Revisions(), expected);
}

TEST_F(FollowFileProcessTest, ARunThatIsKilledAnywhereLeavesNothingOut) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  int64_t head = 0;
  for (int run = 0; run < 10; ++run) {
    StartToFollow();
    const size_t before = Revisions().size();
    for (int i = 0; i < 20; ++i) head = Put();
    const size_t wanted = before + random() % 20;
    WaitFor([&] { return Revisions().size() >= wanted; });
    kill(pid_, SIGKILL);
    ExitCode();
  }
  StartToFollow();
  WaitFor([&] { return !Revisions().empty() && Revisions().back() == head; });
  // A run may begin with what the one before it was just showing, and never with what comes after.
  int64_t newest = 0;
  for (const int64_t revision : Revisions()) {
    EXPECT_LE(revision, newest + 1);
    newest = std::max(newest, revision);
  }
  EXPECT_EQ(newest, head);
}

TEST_F(FollowFileProcessTest, WhatCouldNotBeWrittenIsNotTakenForShown) {
  Put();
  const std::vector<std::string> line = {"watch", "stages", "--from=beginning",
                                         "--follow_file=" + token_};
  Pipe full_err;
  Start(line, open("/dev/full", O_WRONLY | O_CLOEXEC), full_err.ends[1]);
  EXPECT_EQ(ExitCode(), kExitError);
  EXPECT_EQ(Text(token_), "");

  Pipe gone;
  Pipe gone_err;
  close(gone.ends[0]);
  Start(line, gone.ends[1], gone_err.ends[1]);
  EXPECT_EQ(ExitCode(), kExitOk);
  EXPECT_EQ(Text(token_), "") << "nobody has read it";
}

TEST_F(FollowFileProcessTest, TwoAtATimeAreOneTooMany) {
  StartToFollow();
  const pid_t first = pid_;
  Put();
  WaitFor([&] { return !Revisions().empty(); });
  StartToFollow();
  EXPECT_EQ(ExitCode(), kExitError);
  EXPECT_THAT(errors_->Until(""), HasSubstr("another watch follows with " + token_));
  pid_ = first;  // which goes on
  Put();
  WaitFor([&] { return Revisions().size() == 2; });
}

TEST_F(ProcessTest, AnExportThatFollowsWritesWhatChanges) {
  server_.Put("crmStage", "s1", kStage);
  Pipe out;
  Pipe err;
  Start({"export", "stages", "--follow"}, out.ends[1], err.ends[1]);
  Reader lines(out.ends[0]);
  lines.Until("\"s1\"");
  server_.Put("crmStage", "s2", kStage);
  lines.Until("\"s2\"");
  server_.Delete("crmStage", "s1");
  EXPECT_THAT(
      lines.Until("\"trigger\":\"deleted\"}\n"),
      HasSubstr(R"("resource":{"stage":{"connectorId":"hubspot","ownerId":"acme","id":"s1"}})"));
  kill(pid_, SIGINT);
  EXPECT_EQ(ExitCode(), kExitInterrupted);
}

TEST_F(ProcessTest, AnImportShowsABarOnATerminalAndTakesItAway) {
  const testing::TempDir dir;
  const std::string file = dir.File("stages.jsonl");
  {
    std::ofstream lines(file);
    for (int i = 0; i < 30'000; ++i) {
      lines << R"({"ownerId":"acme","event":"crmStage::updated","data":{"id":"s)" << i
            << R"(","fields":{"name":"N","type":"open"}}})"
            << "\n";
    }
  }
  Terminal terminal(70);
  Pipe out;
  Start({"import", file}, out.ends[1], terminal.inside);
  Reader screen(terminal.outside);
  screen.Until("lines");
  EXPECT_EQ(ExitCode(), kExitOk);
  EXPECT_THAT(Reader(out.ends[0]).Until(""), HasSubstr("30000 lines: APPLIED 30000"));
  EXPECT_THAT(screen.Until(""), ::testing::EndsWith("\r\x1b[K"));
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
