#include "client/paged_range.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Pages that name each other: page i is fetched with token "i".
class Pages {
 public:
  explicit Pages(std::vector<std::vector<int>> pages) : pages_(std::move(pages)) {}

  PagedRange<int> Range() {
    return PagedRange<int>([this](const std::string& token) -> absl::StatusOr<ItemPage<int>> {
      fetched_.push_back(token);
      const size_t index = token.empty() ? 0 : std::stoul(token);
      if (index == fails_at_) return absl::UnavailableError("gone");
      const bool last = index + 1 == pages_.size();
      return ItemPage<int>{pages_[index], last ? "" : std::to_string(index + 1), 42};
    });
  }

  void FailAt(size_t index) { fails_at_ = index; }
  const std::vector<std::string>& fetched() const { return fetched_; }

 private:
  const std::vector<std::vector<int>> pages_;
  size_t fails_at_ = 1000;
  std::vector<std::string> fetched_;
};

std::vector<int> All(PagedRange<int>& range) {
  std::vector<int> items;
  for (const int item : range) items.push_back(item);
  return items;
}

TEST(PagedRange, IsAllItemsOfAllPages) {
  Pages pages({{1, 2}, {3}, {4, 5}});
  PagedRange<int> range = pages.Range();
  EXPECT_THAT(All(range), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_TRUE(range.status().ok());
  EXPECT_EQ(range.revision(), 42);
}

TEST(PagedRange, FetchesNothingBeforeItIsIterated) {
  Pages pages(std::vector<std::vector<int>>{{1}});
  pages.Range();
  EXPECT_THAT(pages.fetched(), IsEmpty());
}

TEST(PagedRange, FetchesAPageWhenItsItemsAreReached) {
  Pages pages({{1, 2}, {3}});
  PagedRange<int> range = pages.Range();
  auto item = range.begin();
  ++item;
  EXPECT_THAT(pages.fetched(), ElementsAre(""));
  ++item;
  EXPECT_EQ(*item, 3);
  EXPECT_THAT(pages.fetched(), ElementsAre("", "1"));
}

TEST(PagedRange, AnEmptyPageIsNotTheEnd) {
  Pages pages({{}, {1}, {}, {}, {2}, {}});
  PagedRange<int> range = pages.Range();
  EXPECT_THAT(All(range), ElementsAre(1, 2));
  EXPECT_TRUE(range.status().ok());
}

TEST(PagedRange, OfNothingIsEmpty) {
  Pages pages(std::vector<std::vector<int>>{{}});
  PagedRange<int> range = pages.Range();
  EXPECT_THAT(All(range), IsEmpty());
  EXPECT_TRUE(range.status().ok());
}

TEST(PagedRange, SaysThatAPageCouldNotBeFetched) {
  Pages pages({{1, 2}, {3}});
  pages.FailAt(1);
  PagedRange<int> range = pages.Range();
  EXPECT_THAT(All(range), ElementsAre(1, 2));
  EXPECT_EQ(range.status(), absl::UnavailableError("gone"));
}

TEST(PagedRange, GoesOnWhereABreakLeftIt) {
  Pages pages({{1, 2}, {3}});
  PagedRange<int> range = pages.Range();
  for (const int item : range) {
    if (item == 2) break;
  }
  EXPECT_THAT(All(range), ElementsAre(2, 3));
}

}  // namespace
}  // namespace tributary
