#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>

#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {

// A number that a process writes and its parent reads once it is gone.
class SharedCount {
 public:
  SharedCount()
      : count_(new (mmap(nullptr, sizeof(std::atomic<int64_t>), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int64_t>(0)) {}
  ~SharedCount() { munmap(count_, sizeof(*count_)); }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;

  void operator=(int64_t value) { *count_ = value; }
  operator int64_t() const { return *count_; }

 private:
  std::atomic<int64_t>* count_;
};

// A store whose processes end where the test says.
class DyingSqliteStoreTest : public SqliteStoreTest {
 protected:
  // Runs `work` on the store in a process of its own, which ends without a word at the `nth`
  // passing of `step`, or, if it does not come to that, at the end of `work`.
  void InDyingProcess(const char* step, int nth, const std::function<void(Store&)>& work) {
    const pid_t child = fork();
    if (child == 0) {
      SqliteOptions fatal = options_;
      fatal.path = path_;
      int passed = 0;
      fatal.fault_point = [&](const char* at) {
        if (std::strcmp(at, step) == 0 && ++passed == nth) _exit(9);
      };
      auto store = OpenSqliteStore(fatal, clock_);
      if (!store.ok()) _exit(1);
      work(**store);
      _exit(9);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 9) << status;
  }
};

}  // namespace tributary::testing
