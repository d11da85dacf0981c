#include "server/watch/change_hub.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ChangePtr MakeChange(Revision revision, std::string owner, std::string model = "deal",
                     ChangeKind kind = ChangeKind::kCreated) {
  auto change = std::make_shared<Change>();
  change->revision = revision;
  change->kind = kind;
  change->key = {std::move(model), "hubspot", std::move(owner), std::to_string(revision)};
  change->state = std::string(100, 's');
  change->committed_us = revision * 10;
  return change;
}

Selection Of(std::string model, std::string connector = "", std::string owner = "") {
  return {{std::move(model)}, std::move(connector), std::move(owner)};
}

ChangeQuery After(Revision after, Selection selection) {
  ChangeQuery query;
  query.selection = std::move(selection);
  query.after = after;
  return query;
}

std::vector<Revision> Revisions(const ChangeRuns& read) {
  std::vector<Revision> revisions;
  for (const ChangeRun& run : read.runs) {
    for (const ChangePtr& change : run.changes()) revisions.push_back(change->revision);
  }
  return revisions;
}

// Counts how often it was woken, or runs what it is given.
class Watcher final : public ChangeHub::Waiter {
 public:
  explicit Watcher(std::function<void(Revision)> then = nullptr) : then_(std::move(then)) {}
  void Wake(Revision untouched) override {
    ++woken;
    last_untouched = untouched;
    if (then_) then_(untouched);
  }

  int woken = 0;
  Revision last_untouched = -1;

 private:
  const std::function<void(Revision)> then_;
};

std::shared_ptr<Watcher> NeverWoken() {
  return std::make_shared<Watcher>([](Revision) { ADD_FAILURE() << "woken"; });
}

TEST(ChangeHub, AnswersFromTheWindowWhatTheSelectionCovers) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme"), MakeChange(2, "globex"), MakeChange(3, "acme", "contact")});
  const auto all = hub.Recent(After(0, Of("deal")));
  ASSERT_TRUE(all.has_value());
  EXPECT_THAT(Revisions(*all), ElementsAre(1, 2));
  EXPECT_EQ(all->through, 3);
  EXPECT_EQ(all->head, 3);
  EXPECT_THAT(Revisions(*hub.Recent(After(0, Of("deal", "", "globex")))), ElementsAre(2));
  EXPECT_THAT(Revisions(*hub.Recent(After(2, Of("deal")))), IsEmpty());
}

TEST(ChangeHub, LeavesOutWhatReachesNobody) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme", "deal", ChangeKind::kHidden)});
  const auto page = hub.Recent(After(0, Of("deal")));
  EXPECT_THAT(page->runs, IsEmpty());
  EXPECT_EQ(page->through, 1);
}

TEST(ChangeHub, StopsAtTheRevisionAskedForAndAtTheNumberOfChanges) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme"), MakeChange(2, "acme"), MakeChange(3, "acme")});
  ChangeQuery query = After(0, Of("deal"));
  query.through = 2;
  EXPECT_THAT(Revisions(*hub.Recent(query)), ElementsAre(1, 2));
  query.max_changes = 1;
  const auto page = hub.Recent(query);
  EXPECT_THAT(Revisions(*page), ElementsAre(1));
  EXPECT_EQ(page->through, 1);
}

TEST(ChangeHub, ForgetsTheOldestPastItsBound) {
  const size_t one = MakeChange(1, "acme")->Bytes();
  ChangeHub hub(0, 0, 5 * one);
  for (Revision revision = 1; revision <= 10; ++revision)
    hub.Publish({MakeChange(revision, "acme")});
  EXPECT_FALSE(hub.Recent(After(2, Of("deal"))).has_value());
  EXPECT_THAT(Revisions(*hub.Recent(After(8, Of("deal")))), ElementsAre(9, 10));
  EXPECT_EQ(hub.head().revision, 10);
  EXPECT_EQ(hub.head().committed_us, 100);
}

TEST(ChangeHub, KnowsNothingBeforeItsStart) {
  ChangeHub hub(7, 70);
  EXPECT_FALSE(hub.Recent(After(6, Of("deal"))).has_value());
  EXPECT_TRUE(hub.Recent(After(7, Of("deal"))).has_value());
}

TEST(ChangeHub, WakesOnlyWhomACommitTouched) {
  ChangeHub hub(0, 0);
  const auto deals = std::make_shared<Watcher>();
  const auto acme = std::make_shared<Watcher>();
  const auto globex = std::make_shared<Watcher>();
  const auto contacts = std::make_shared<Watcher>();
  const auto everything = std::make_shared<Watcher>();
  EXPECT_TRUE(hub.Wait(Of("deal"), 0, deals));
  EXPECT_TRUE(hub.Wait(Of("deal", "hubspot", "acme"), 0, acme));
  EXPECT_TRUE(hub.Wait(Of("deal", "", "globex"), 0, globex));
  EXPECT_TRUE(hub.Wait(Of("contact"), 0, contacts));
  EXPECT_TRUE(hub.Wait({}, 0, everything));
  hub.Publish({MakeChange(1, "acme"), MakeChange(2, "acme")});
  EXPECT_EQ(deals->woken, 1);
  EXPECT_EQ(acme->woken, 1);
  EXPECT_EQ(globex->woken, 0);
  EXPECT_EQ(contacts->woken, 0);
  EXPECT_EQ(everything->woken, 1);
  hub.Publish({MakeChange(3, "globex"), MakeChange(4, "acme", "contact")});
  EXPECT_EQ(deals->woken, 1) << "a waiter is called once";
  EXPECT_EQ(globex->woken, 1);
  EXPECT_EQ(contacts->woken, 1);
}

TEST(ChangeHub, TellsWhomItWakesUpToWhereNothingCame) {
  ChangeHub hub(0, 0);
  const auto acme = std::make_shared<Watcher>();
  EXPECT_TRUE(hub.Wait(Of("deal", "", "acme"), 0, acme));
  hub.Publish({MakeChange(1, "globex"), MakeChange(2, "globex")});
  hub.Publish({MakeChange(3, "globex"), MakeChange(4, "acme"), MakeChange(5, "acme")});
  EXPECT_EQ(acme->last_untouched, 3);
}

TEST(ChangeHub, WakesNobodyForWhatReachesNobody) {
  ChangeHub hub(0, 0);
  const auto deals = NeverWoken();
  EXPECT_TRUE(hub.Wait(Of("deal"), 0, deals));
  hub.Publish({MakeChange(1, "acme", "deal", ChangeKind::kHidden)});
  EXPECT_EQ(hub.Untouched(*deals)->revision, 1);
}

TEST(ChangeHub, WakesAWatcherOfSeveralModelsForEachOfThem) {
  ChangeHub hub(0, 0);
  const auto both = std::make_shared<Watcher>();
  for (Revision revision = 1; revision <= 2; ++revision) {
    EXPECT_TRUE(hub.Wait({{"deal", "contact"}, "", "acme"}, revision - 1, both));
    hub.Publish({MakeChange(revision, "acme", revision == 1 ? "deal" : "contact")});
    EXPECT_EQ(both->woken, revision);
  }
}

TEST(ChangeHub, WakesInTheOrderInWhichTheyCameToWait) {
  ChangeHub hub(0, 0);
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) {
    const auto one = std::make_shared<Watcher>([&order, i](Revision) { order.push_back(i); });
    EXPECT_TRUE(hub.Wait(Of("deal"), 0, one));
  }
  hub.Publish({MakeChange(1, "acme")});
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST(ChangeHub, WakesAllOfManyOnItsExecutorAndNotOnThePublishingThread) {
  constexpr int kWatchers = 1'000;
  std::atomic<int> woken = 0;
  const std::thread::id publisher = std::this_thread::get_id();
  {
    Executor executor(3);
    ChangeHub hub(0, 0, limits::kWindowBytesMax, &executor);
    for (int i = 0; i < kWatchers; ++i) {
      EXPECT_TRUE(hub.Wait(Of("deal"), 0, std::make_shared<Watcher>([&](Revision) {
                             EXPECT_NE(std::this_thread::get_id(), publisher);
                             ++woken;
                           })));
    }
    hub.Publish({MakeChange(1, "acme")});
    hub.Publish({MakeChange(2, "acme")});
  }
  EXPECT_EQ(woken, kWatchers);
}

TEST(ChangeHub, RefusesToWaitForWhatIsAlreadyThere) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme"), MakeChange(2, "globex")});
  EXPECT_FALSE(hub.Wait(Of("deal"), 1, NeverWoken()));
  EXPECT_FALSE(hub.Wait(Of("deal", "", "acme"), 0, NeverWoken()));
  EXPECT_TRUE(hub.Wait(Of("deal", "", "acme"), 1, NeverWoken()))
      << "what came since is of another owner";
}

TEST(ChangeHub, TakesAReaderThatIsAheadOfWhatWasPublished) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme")});
  EXPECT_THAT(Revisions(*hub.Recent(After(3, Of("deal")))), IsEmpty());
  EXPECT_TRUE(hub.Wait(Of("deal"), 3, NeverWoken()));
}

TEST(ChangeHub, TellsAWaiterThatNothingCameForIt) {
  ChangeHub hub(0, 0);
  const auto acme = std::make_shared<Watcher>();
  EXPECT_TRUE(hub.Wait(Of("deal", "", "acme"), 0, acme));
  hub.Publish({MakeChange(1, "globex")});
  ASSERT_TRUE(hub.Untouched(*acme).has_value());
  EXPECT_EQ(hub.Untouched(*acme)->revision, 1);
  hub.Publish({MakeChange(2, "acme")});
  EXPECT_FALSE(hub.Untouched(*acme).has_value());
  EXPECT_TRUE(hub.Wait(Of("deal", "", "acme"), 2, std::make_shared<Watcher>()));
  EXPECT_FALSE(hub.Untouched(*acme).has_value()) << "another one waits there";
}

TEST(ChangeHub, DoesNotCallACancelledWaiter) {
  ChangeHub hub(0, 0);
  const auto cancelled = NeverWoken();
  const auto other = std::make_shared<Watcher>();
  EXPECT_TRUE(hub.Wait(Of("deal"), 0, cancelled));
  EXPECT_TRUE(hub.Wait(Of("deal"), 0, other));
  hub.Cancel(*cancelled);
  hub.Cancel(*cancelled);
  hub.Publish({MakeChange(1, "acme")});
  EXPECT_EQ(other->woken, 1);
}

TEST(ChangeHub, GivesTheSameBlockToAllWhoReadTheSameCommit) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme"), MakeChange(2, "globex"), MakeChange(3, "acme")});
  const auto all = hub.Recent(After(0, Of("deal")));
  const auto acme = hub.Recent(After(0, Of("deal", "", "acme")));
  ASSERT_EQ(all->runs.size(), 1u);
  ASSERT_EQ(acme->runs.size(), 2u) << "what it does not cover lies between";
  EXPECT_EQ(all->runs[0].block, acme->runs[0].block);
  EXPECT_EQ(acme->runs[1].first, 2u);
}

TEST(ChangeBlock, MakesAFormOnceHoweverManyAsk) {
  const ChangeBlock block({MakeChange(1, "acme"), MakeChange(2, "acme")});
  std::atomic<int> made = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      for (int k = 0; k < 1'000; ++k) {
        const size_t& size = block.As<size_t>(1, [&](std::span<const ChangePtr> changes) {
          ++made;
          return changes.size();
        });
        EXPECT_EQ(size, 2u);
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(made, 1);
  (void)block.As<size_t>(0,
                         [&](std::span<const ChangePtr>) { return static_cast<size_t>(++made); });
  EXPECT_EQ(made, 2) << "another form";
}

TEST(ChangeHub, LosesNoWakeUpWhenReadersAndThePublisherRace) {
  constexpr Revision kChanges = 20'000;
  ChangeHub hub(0, 0);
  std::vector<std::thread> readers;
  std::atomic<int> complete{0};
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      Revision at = 0;
      Mutex mutex;
      Condition woken;
      while (at < kChanges) {
        const auto page = hub.Recent(After(at, Of("deal")));
        ASSERT_TRUE(page.has_value());
        for (const Revision revision : Revisions(*page)) ASSERT_EQ(revision, ++at);
        if (at == kChanges) break;
        bool called = false;
        const bool waits =
            hub.Wait(Of("deal"), at, std::make_shared<Watcher>([&, at](Revision untouched) {
                       EXPECT_EQ(untouched, at) << "the next one is there";
                       MutexLock lock(mutex);
                       called = true;
                       woken.NotifyOne();
                     }));
        if (!waits) continue;
        MutexLock lock(mutex);
        while (!called) woken.Wait(mutex);
      }
      ++complete;
    });
  }
  for (Revision revision = 1; revision <= kChanges; ++revision) {
    hub.Publish({MakeChange(revision, "acme")});
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(complete, 3);
}

}  // namespace
}  // namespace tributary
