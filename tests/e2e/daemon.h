#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace tributary::testing {

// A child process whose standard error is read here.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDERR_FILENO);
      std::vector<char*> arguments;
      for (const std::string& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
      arguments.push_back(nullptr);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(ends[1]);
    errors_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0) {
      Signal(SIGKILL);
      Wait();
    }
    close(errors_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int number) const { kill(pid_, number); }

  // The exit code; 128 + the signal that ended it.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // The next line of standard error; nullopt at its end.
  std::optional<std::string> ReadLine() {
    std::string line;
    char c = 0;
    while (read(errors_, &c, 1) == 1) {
      if (c == '\n') return line;
      line += c;
    }
    return line.empty() ? std::nullopt : std::optional(line);
  }

  std::string ReadRest() {
    std::string all;
    while (const auto line = ReadLine()) all += *line + "\n";
    return all;
  }

 private:
  pid_t pid_ = 0;
  int errors_ = -1;
};

// The real tributaryd, or another program that is one, which keeps its ports when it is started
// again.
class Daemon {
 public:
  explicit Daemon(std::string folder, std::vector<std::string> flags = {},
                  std::string program = "tributaryd")
      : folder_(std::move(folder)), flags_(std::move(flags)), program_(std::move(program)) {
    Start();
  }

  void Start() {
    std::vector<std::string> command = {std::string(TRIBUTARY_BINARY_DIR) + "/bin/" + program_,
                                        "--store=sqlite:" + folder_ + "/test.db",
                                        "--grpc_address=127.0.0.1:" + std::to_string(grpc_port_),
                                        "--http-address=127.0.0.1:" + std::to_string(http_port_)};
    command.insert(command.end(), flags_.begin(), flags_.end());
    process_.emplace(command);
    std::string said;
    while (const auto line = process_->ReadLine()) {
      said += *line + "\n";
      const size_t grpc = line->find(" grpc=127.0.0.1:");
      const size_t http = line->find(" http=127.0.0.1:");
      if (grpc == std::string::npos || http == std::string::npos) continue;
      grpc_port_ = std::stoi(line->substr(grpc + 16));
      http_port_ = std::stoi(line->substr(http + 16));
      return;
    }
    std::cerr << "tributaryd did not start:\n" << said;
    std::abort();
  }

  void Kill() {
    process_->Signal(SIGKILL);
    process_->Wait();
  }
  // SIGTERM, then the exit code.
  int Stop() {
    process_->Signal(SIGTERM);
    return process_->Wait();
  }

  Process& process() { return *process_; }
  int grpc_port() const { return grpc_port_; }
  int http_port() const { return http_port_; }

 private:
  const std::string folder_;
  const std::vector<std::string> flags_;
  const std::string program_;
  std::optional<Process> process_;
  int grpc_port_ = 0;
  int http_port_ = 0;
};

}  // namespace tributary::testing
