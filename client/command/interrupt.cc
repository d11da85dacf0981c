#include "client/command/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace tributary::command {

Interrupt::Interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
  signals_fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC);
  stop_fd_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Loop(); });
}

Interrupt::~Interrupt() {
  const uint64_t one = 1;
  (void)!::write(stop_fd_, &one, sizeof(one));
  thread_.join();
  ::close(signals_fd_);
  ::close(stop_fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupt::OnSignal(std::function<void()> action) {
  absl::MutexLock lock(&mutex_);
  action_ = std::move(action);
  if (action_ != nullptr && signal_.load() != 0) action_();
}

void Interrupt::Loop() {
  pollfd fds[2] = {{signals_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
  while (true) {
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info;
    if (::read(signals_fd_, &info, sizeof(info)) != sizeof(info)) continue;
    const int came = static_cast<int>(info.ssi_signo);
    if (signal_.exchange(came) != 0) ::_exit(128 + came);
    // Under the lock, so that who takes the action back may destroy what it works on.
    absl::MutexLock lock(&mutex_);
    if (action_ != nullptr) action_();
  }
}

}  // namespace tributary::command
