#include "server/watch/change_hub.h"

#include <atomic>
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

std::vector<Revision> Revisions(const ChangePage& page) {
  std::vector<Revision> revisions;
  for (const ChangePtr& change : page.changes) revisions.push_back(change->revision);
  return revisions;
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
  EXPECT_THAT(page->changes, IsEmpty());
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
  ChangeHub hub(0, 0, 3 * one);
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
  int deals = 0, acme = 0, globex = 0, contacts = 0, everything = 0;
  EXPECT_NE(hub.Wait(Of("deal"), 0, [&] { ++deals; }), 0u);
  EXPECT_NE(hub.Wait(Of("deal", "hubspot", "acme"), 0, [&] { ++acme; }), 0u);
  EXPECT_NE(hub.Wait(Of("deal", "", "globex"), 0, [&] { ++globex; }), 0u);
  EXPECT_NE(hub.Wait(Of("contact"), 0, [&] { ++contacts; }), 0u);
  EXPECT_NE(hub.Wait({}, 0, [&] { ++everything; }), 0u);
  hub.Publish({MakeChange(1, "acme"), MakeChange(2, "acme")});
  EXPECT_EQ(deals, 1);
  EXPECT_EQ(acme, 1);
  EXPECT_EQ(globex, 0);
  EXPECT_EQ(contacts, 0);
  EXPECT_EQ(everything, 1);
  hub.Publish({MakeChange(3, "globex"), MakeChange(4, "acme", "contact")});
  EXPECT_EQ(deals, 1) << "a waiter is called once";
  EXPECT_EQ(globex, 1);
  EXPECT_EQ(contacts, 1);
}

TEST(ChangeHub, RefusesToWaitForWhatIsAlreadyThere) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme"), MakeChange(2, "globex")});
  const auto never = [] { FAIL() << "called although the wait was refused"; };
  EXPECT_EQ(hub.Wait(Of("deal"), 1, never), 0u);
  EXPECT_EQ(hub.Wait(Of("deal", "", "acme"), 0, never), 0u);
  EXPECT_NE(hub.Wait(Of("deal", "", "acme"), 1, [] {}), 0u)
      << "what came since is of another owner";
}

TEST(ChangeHub, TakesAReaderThatIsAheadOfWhatWasPublished) {
  ChangeHub hub(0, 0);
  hub.Publish({MakeChange(1, "acme")});
  EXPECT_THAT(Revisions(*hub.Recent(After(3, Of("deal")))), IsEmpty());
  EXPECT_NE(hub.Wait(Of("deal"), 3, [] {}), 0u);
}

TEST(ChangeHub, TellsAWaiterThatNothingCameForIt) {
  ChangeHub hub(0, 0);
  const uint64_t acme = hub.Wait(Of("deal", "", "acme"), 0, [] {});
  hub.Publish({MakeChange(1, "globex")});
  ASSERT_TRUE(hub.Untouched(acme).has_value());
  EXPECT_EQ(hub.Untouched(acme)->revision, 1);
  hub.Publish({MakeChange(2, "acme")});
  EXPECT_FALSE(hub.Untouched(acme).has_value());
}

TEST(ChangeHub, DoesNotCallACancelledWaiter) {
  ChangeHub hub(0, 0);
  const uint64_t id = hub.Wait(Of("deal"), 0, [] { FAIL() << "called after Cancel"; });
  hub.Cancel(id);
  hub.Cancel(id);
  hub.Publish({MakeChange(1, "acme")});
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
        for (const ChangePtr& change : page->changes) ASSERT_EQ(change->revision, ++at);
        if (at == kChanges) break;
        bool called = false;
        const uint64_t id = hub.Wait(Of("deal"), at, [&] {
          MutexLock lock(mutex);
          called = true;
          woken.NotifyOne();
        });
        if (id == 0) continue;
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
