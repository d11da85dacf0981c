// tributaryd as tests need it: it dies at a step of the store, and may live at another time. Beside
// its flags it takes, from the environment,
//   DIE_AT=before_commit:3         ends without a word at the third passing of that step
//   DIE_SERVING=before_commit:3    likewise, counted from when it listens
//   LATE_CHANGES_MAX=1000          gathers so many changes before it writes them in key order
//   DAYS_AHEAD=8                   runs with a clock that is ahead

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/flags.h"
#include "server/server.h"

namespace tributary {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class ClockAhead final : public Clock {
 public:
  explicit ClockAhead(int64_t days) : ahead_us_(days * 24 * 3600 * 1'000'000) {}
  int64_t NowMicros() const override { return system_.NowMicros() + ahead_us_; }

 private:
  const SystemClock system_;
  const int64_t ahead_us_;
};

int Run(int argc, char** argv) {
  absl::StatusOr<ServerOptions> options = OptionsFromCommandLine(argc, argv);
  if (!options.ok()) {
    std::cerr << options.status() << "\n";
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const std::string at_once = Environment("DIE_AT");
  const std::string die_at = at_once.empty() ? Environment("DIE_SERVING") : at_once;
  const std::string step = die_at.substr(0, die_at.find(':'));
  std::atomic<int> left = step.empty() ? 0 : std::stoi(die_at.substr(step.size() + 1));
  std::atomic<bool> armed = !at_once.empty();
  options->sqlite.fault_point = [&](const char* at) {
    if (armed && at == step && --left == 0) _exit(9);
  };
  // Little gathers, so that there is always something to do beside commits.
  const std::string gathers = Environment("LATE_CHANGES_MAX");
  options->sqlite.late_changes_max = gathers.empty() ? 7 : std::stoul(gathers);
  options->sqlite.checkpoint_bytes = 512 * 1024;
  options->sqlite.history_max_changes = 50;

  const std::string days = Environment("DAYS_AHEAD");
  const ClockAhead clock(days.empty() ? 0 : std::stoi(days));
  auto server = Server::Start(*std::move(options), clock);
  if (!server.ok()) {
    LogError(std::string(server.status().message()));
    return 1;
  }
  std::cerr << "listening grpc=127.0.0.1:" << (*server)->grpc_port()
            << " http=127.0.0.1:" << (*server)->http_port() << std::endl;
  armed = true;
  int received = 0;
  sigwait(&signals, &received);
  (*server)->Drain();
  return 0;
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) { return tributary::Run(argc, argv); }
