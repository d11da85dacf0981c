#include "server/ingest/inbox.h"

#include <vector>

#include "gtest/gtest.h"
#include "server/ingest/session_loop.h"

namespace tributary::testing {
namespace {

using OutcomeInbox = Inbox<OutcomeItem>;
using Items = std::vector<OutcomeItem>;

TEST(Inbox, WakesOnceForAllThatComesBeforeItIsEmptied) {
  int woken = 0;
  OutcomeInbox inbox([&] { ++woken; });
  for (int64_t i = 1; i <= 3; ++i) {
    inbox.Put({static_cast<uint64_t>(i), Outcome{Verdict::kApplied, i, i}});
  }
  EXPECT_EQ(woken, 1);
  Items items;
  inbox.Take(items);
  ASSERT_EQ(items.size(), 3u);
  for (int64_t i = 1; i <= 3; ++i) {
    const OutcomeItem& item = items[static_cast<size_t>(i - 1)];
    EXPECT_EQ(item.session, static_cast<uint64_t>(i));
    EXPECT_EQ(item.outcome->revision, i);
  }
  inbox.Put({4, absl::UnavailableError("full")});
  EXPECT_EQ(woken, 2);
  items.clear();
  inbox.Take(items);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_FALSE(items[0].outcome.ok());
}

TEST(Inbox, KeepsNothingAndWakesNobodyOnceItIsClosed) {
  int woken = 0;
  OutcomeInbox inbox([&] { ++woken; });
  inbox.Put({1, Outcome{}});
  inbox.Close();
  inbox.Put({2, Outcome{}});
  EXPECT_EQ(woken, 1);
  Items items;
  inbox.Take(items);
  EXPECT_TRUE(items.empty());
}

}  // namespace
}  // namespace tributary::testing
