// kill -9 at every step of what the store does: in commits, between them, at a start, and while it
// opens its file anew.

#include "tests/store/faulty_store.h"

namespace tributary::testing {
namespace {

using ::testing::AnyOf;

class Killed : public FaultyStoreTest {
 protected:
  static constexpr int kDeliveries = 120;

  struct Life {
    int sent = 0;       // and acknowledged, all in all
    bool died = false;  // before it had done everything
  };

  // Sends deliveries in a process that dies at the `nth` passing of `step`, while the store has all
  // there is to do.
  Life SendUntilKilled(const std::string& step, int nth, int from) {
    SharedCount acknowledged;
    SharedCount done;
    acknowledged = from;
    InDyingProcess(step.c_str(), nth, [&](Store& store) {
      for (int n = from; n < from + kDeliveries; ++n) {
        if (step.starts_with("reopen")) {
          FaultyDisk::FailFsync(FaultyDisk::File::kLog, 1 + n % 3);
        }
        while (!Send(store, n)) {
        }
        acknowledged = n + 1;
        if (n % 4 == 3) (void)store.PurgeDeliveries(std::vector<int64_t>{2 * n});
      }
      // What is done while nobody commits, or when the thread that does it comes to it.
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
      while (ComesLater(step) && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
      }
      done = 1;
    });
    FaultyDisk::Mend();
    return {static_cast<int>(acknowledged), done == 0};
  }

  static bool ComesLater(const std::string& step) {
    return step == "checkpoint" || step == "settling" || step == "compacted" || step == "swept";
  }
};

TEST_F(Killed, AtEveryStepLosesAndRepeatsNothing) {
  const std::pair<const char*, std::vector<int>> steps[] = {{"before_late_work", {1, 7, 40}},
                                                            {"before_commit", {1, 7, 40}},
                                                            {"after_commit", {1, 7, 40}},
                                                            {"checkpoint", {1, 2, 3}},
                                                            {"purging", {1, 5}},
                                                            {"settling", {1, 2}},
                                                            {"compacted", {1}},
                                                            {"swept", {1}},
                                                            {"recovering", {1}},
                                                            {"reopening", {1, 2}},
                                                            {"reopened", {1, 2}}};
  for (const auto& [step, passings] : steps) {
    int died = 0;
    for (const int nth : passings) {
      SCOPED_TRACE(absl::StrCat(step, " ", nth));
      BeginAnew();
      int sent = 0;
      for (int life = 0; life < 3; ++life) {
        const Life lived = SendUntilKilled(step, nth, sent);
        sent = lived.sent;
        died += lived.died ? 1 : 0;
        Open();
        const auto head = static_cast<int>(store_->GetHead()->revision);
        EXPECT_THAT(head, AnyOf(sent, sent + 1)) << "the one under way is there whole or not";
        ExpectShown(head);
        published_ = head;
        EXPECT_TRUE(Send(sent++));  // its sender tries again
        ExpectShown(sent);
        Close();
      }
      ExpectStored(sent);
      if (HasFailure()) return;
    }
    EXPECT_GT(died, 0) << "it did not come to " << step;
  }
}

}  // namespace
}  // namespace tributary::testing
