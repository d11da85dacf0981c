// tributaryd: flags, server, signals.

#include <malloc.h>
#include <signal.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/flags.h"
#include "server/server.h"
#include "server/version.h"

namespace {

constexpr int kExitUsage = 2;

// Blocked before any thread starts, so that all of them inherit it and only sigwait takes the
// signal.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Answers take up to megabytes, one after the other. To give their memory back after each would
// cost a page fault for every 4 KiB of the next.
void KeepFreedMemory() {
  constexpr int kBytes = 16 * 1024 * 1024;
  mallopt(M_MMAP_THRESHOLD, kBytes);
  mallopt(M_TRIM_THRESHOLD, kBytes);
}

}  // namespace

int main(int argc, char** argv) {
  KeepFreedMemory();
  absl::StatusOr<tributary::ServerOptions> options = tributary::OptionsFromCommandLine(argc, argv);
  if (!options.ok()) {
    tributary::LogError(std::string(options.status().message()));
    return kExitUsage;
  }
  const sigset_t signals = BlockStopSignals();
  const tributary::SystemClock clock;
  auto server = tributary::Server::Start(*std::move(options), clock);
  if (!server.ok()) {
    tributary::LogError(std::string(server.status().message()));
    return EXIT_FAILURE;
  }
  const auto host_port = [](const std::string& address, int port) {
    return absl::StrCat(address.substr(0, address.rfind(':') + 1), port);
  };
  tributary::LogInfo(absl::StrCat(
      "tributaryd ", tributary::kVersion,
      " listening grpc=", host_port((*server)->options().grpc.address, (*server)->grpc_port()),
      " http=", host_port((*server)->options().http.address, (*server)->http_port()),
      " store=", (*server)->store_id()));

  int received = 0;
  sigwait(&signals, &received);
  tributary::LogInfo("stopping; a second signal stops at once");
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*server)->Drain();
  tributary::LogInfo("stopped");
  return EXIT_SUCCESS;
}
