#include "server/watch/late_pages.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ChangeQuery From(Revision after, const char* owner = "") {
  ChangeQuery query;
  query.selection = {{"deal"}, "", owner};
  query.after = after;
  query.through = 1'000;
  return query;
}

// A page with the changes of `revisions`.
ChangeRuns PageOf(const std::vector<Revision>& revisions, Revision through) {
  std::vector<ChangePtr> changes;
  for (const Revision revision : revisions) {
    auto change = std::make_shared<Change>();
    change->revision = revision;
    change->state = std::string(100, 's');
    changes.push_back(std::move(change));
  }
  ChangeRuns page;
  page.through = through;
  if (const auto count = static_cast<uint32_t>(changes.size()); count > 0) {
    page.runs.push_back({std::make_shared<const ChangeBlock>(std::move(changes)), 0, count});
  }
  return page;
}

std::vector<Revision> Revisions(const std::optional<ChangeRuns>& read) {
  std::vector<Revision> revisions;
  if (!read.has_value()) return {-1};
  for (const ChangeRun& run : read->runs) {
    for (const ChangePtr& change : run.changes()) revisions.push_back(change->revision);
  }
  return revisions;
}

class LatePagesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pages_.Join();
    pages_.Join();
  }
  LatePages pages_{4'000};
};

TEST_F(LatePagesTest, GivesThePageOfOneReaderToTheNext) {
  const ChangeRuns page = PageOf({3, 5, 8}, 9);
  pages_.Keep(From(2), page);
  const auto read = pages_.Find(From(2));
  EXPECT_THAT(Revisions(read), ElementsAre(3, 5, 8));
  EXPECT_EQ(read->through, 9);
  EXPECT_EQ(read->runs[0].block, page.runs[0].block) << "and with it what was encoded";
}

TEST_F(LatePagesTest, GivesTheRestToWhoStandsInTheMiddle) {
  pages_.Keep(From(2), PageOf({3, 5, 8}, 9));
  EXPECT_THAT(Revisions(pages_.Find(From(3))), ElementsAre(5, 8));
  EXPECT_THAT(Revisions(pages_.Find(From(4))), ElementsAre(5, 8));
  EXPECT_THAT(Revisions(pages_.Find(From(8))), IsEmpty());
  EXPECT_FALSE(pages_.Find(From(9)).has_value()) << "behind its end";
  EXPECT_FALSE(pages_.Find(From(1)).has_value()) << "before its begin";
}

TEST_F(LatePagesTest, RemembersThatNothingWasThere) {
  pages_.Keep(From(2), PageOf({}, 9));
  const auto read = pages_.Find(From(4));
  EXPECT_THAT(Revisions(read), IsEmpty());
  EXPECT_EQ(read->through, 9);
}

TEST_F(LatePagesTest, GivesNothingToWhoReadsOtherThings) {
  pages_.Keep(From(2), PageOf({3}, 9));
  EXPECT_FALSE(pages_.Find(From(2, "acme")).has_value());
  ChangeQuery full = From(2);
  full.raw = true;
  EXPECT_FALSE(pages_.Find(full).has_value());
  ChangeQuery bounded = From(2);
  bounded.through = 8;
  EXPECT_FALSE(pages_.Find(bounded).has_value()) << "it must not go past its end";
}

TEST_F(LatePagesTest, ForgetsTheOldestPastItsBound) {
  for (Revision after = 0; after < 100; ++after) {
    pages_.Keep(From(after), PageOf({after + 1}, after + 1));
  }
  EXPECT_FALSE(pages_.Find(From(50)).has_value());
  EXPECT_TRUE(pages_.Find(From(99)).has_value());
}

TEST_F(LatePagesTest, KeepsNothingForOneAloneNorForNobody) {
  pages_.Keep(From(2), PageOf({3}, 9));
  pages_.Leave();
  EXPECT_TRUE(pages_.Find(From(2)).has_value()) << "one is still late";
  pages_.Keep(From(9), PageOf({10}, 20));
  EXPECT_FALSE(pages_.Find(From(9)).has_value());
  pages_.Leave();
  EXPECT_FALSE(pages_.Find(From(2)).has_value());
}

}  // namespace
}  // namespace tributary
