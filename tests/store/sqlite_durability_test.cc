// What is left of a store after its process or its disk gave up.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/store/sqlite_fixture.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

using SqliteDurability = SqliteStoreTest;

Say Numbered(int i) {
  return Updated(absl::StrCat("id", i))
      .At(i)
      .State(absl::StrCat("s", i))
      .WithKey(absl::StrCat("k", i));
}

// Commits Numbered(0), Numbered(1), … in a process of its own, which ends without a word at the
// `nth` passing of `step`. Answers how many commits it had acknowledged.
int CommitUntilKilled(const SqliteOptions& options, const char* step, int nth, const Clock& clock) {
  int acknowledged[2];
  EXPECT_EQ(pipe(acknowledged), 0);
  const pid_t child = fork();
  if (child == 0) {
    SqliteOptions fatal = options;
    int passed = 0;
    fatal.fault_point = [&](const char* at) {
      if (std::strcmp(at, step) == 0 && ++passed == nth) _exit(9);
    };
    auto store = OpenSqliteStore(fatal, clock);
    for (int i = 0; store.ok(); ++i) {
      if (!(*store)->Commit(std::vector<Delivery>{Numbered(i)}).ok()) break;
      if (write(acknowledged[1], "a", 1) != 1) break;
    }
    _exit(1);
  }
  close(acknowledged[1]);
  int count = 0;
  for (char byte; read(acknowledged[0], &byte, 1) == 1;) ++count;
  close(acknowledged[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 9) << status;
  return count;
}

TEST_F(SqliteDurability, WhatWasAcknowledgedSurvivesAProcessThatDiesAnywhereInACommit) {
  for (const char* step : {"before_commit", "after_commit"}) {
    for (const int nth : {1, 2, 20}) {
      SCOPED_TRACE(absl::StrCat(step, " ", nth));
      for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
      options_.path = path_;
      const int acknowledged = CommitUntilKilled(options_, step, nth, clock_);
      EXPECT_EQ(acknowledged, nth - 1);
      Open();
      // The last one was either not written at all, or is there though nobody was told.
      const int written = std::strcmp(step, "after_commit") == 0 ? nth : nth - 1;
      EXPECT_EQ(store_->GetHead()->revision, written);
      for (int i = 0; i < written; ++i)
        EXPECT_EQ(StateOf(absl::StrCat("id", i)), absl::StrCat("s", i));
      EXPECT_EQ(StateOf(absl::StrCat("id", written)), "(absent)");
      // The sender tries again; numbers go on without a gap.
      const auto again = Commit({Numbered(nth - 1), Numbered(nth)}).outcomes;
      EXPECT_EQ(again[0].verdict, written == nth ? Verdict::kDuplicate : Verdict::kApplied);
      EXPECT_EQ(again[0].revision, nth);
      EXPECT_EQ(again[0].delivery, written + 1);
      EXPECT_EQ(again[1].revision, nth + 1);
      Close();
      EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
    }
  }
}

TEST_F(SqliteDurability, ACommitThatCannotBeWrittenLeavesNothingAndTheNextOneWorks) {
  Open();
  Commit({Updated("a").At(1).State("x")});

  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{64 * 1024, limit.rlim_max};  // less than the commit needs
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto failed = store_->Commit(
      std::vector<Delivery>{Updated("a").At(2).State(std::string(300'000, 'y')),
                            Say(Rank::kUpdated, KeyOf("b", "new owner")).State("z")});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, handler);

  EXPECT_THAT(failed, AllOf(StatusIs(absl::StatusCode::kUnavailable,
                                     AllOf(Not(HasSubstr("INSERT")), Not(HasSubstr(dir_.path())))),
                            HasReason(reason::kStoreUnavailable)));
  EXPECT_EQ(StateOf("a"), "x");
  EXPECT_EQ(store_->GetHead()->revision, 1);
  const auto next = Commit(
      {Updated("a").At(2).State("y"), Say(Rank::kUpdated, KeyOf("c", "new owner")).State("z")});
  EXPECT_EQ(next.outcomes[0].revision, 2);
  EXPECT_EQ(next.outcomes[0].delivery, 2);
  Open();
  EXPECT_EQ(StateOf("a"), "y");
  EXPECT_EQ((*store_->Get(KeyOf("c", "new owner"), false))->state, "z");
}

TEST_F(SqliteDurability, TheWriteAheadLogStaysBoundedUnderReaders) {
  constexpr int64_t kMiB = 1024 * 1024;
  Open();
  std::vector<Delivery> batch;
  for (int i = 0; i < 16; ++i)
    batch.push_back(Updated(absl::StrCat(i)).State(std::string(64 * 1024, 'x')));
  Commit(batch);

  std::atomic<bool> done = false;
  std::atomic<int> reads = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        TRIBUTARY_EXPECT_OK(store_->List({}));
        ++reads;
      }
    });
  }
  int64_t largest = 0;
  for (int round = 1; round <= 110; ++round) {  // 1 MiB each
    for (Delivery& delivery : batch) {
      delivery.mutations[0].time_us = kStart + 1000 + round;
      delivery.mutations[0].state[0] = static_cast<char>(round);
      delivery.idempotency_key = absl::StrCat(round);
    }
    Commit(batch);
    largest = std::max(largest, static_cast<int64_t>(std::filesystem::file_size(path_ + "-wal")));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_LE(largest, 128 * kMiB);
  RecordProperty("largest_log_mib", static_cast<int>(largest / kMiB));
  EXPECT_GT(reads, 10);
  EXPECT_EQ(store_->GetHead()->revision, 111 * 16);
}

TEST_F(SqliteDurability, TheWriteAheadLogIsGoneOnceTheStoreIsClosed) {
  Open();
  Commit({Updated("a").State("x")});
  Close();
  EXPECT_THAT(FilesInFolder(), SizeIs(2));  // the file and its lock
}

}  // namespace
}  // namespace tributary::testing
