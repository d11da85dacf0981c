// What a store promises of its log.

#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/store/conformance.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, ChangesComeInRevisionOrderWithoutGapOrOverlap) {
  std::vector<Delivery> batch;
  for (int i = 0; i < 60; ++i) {
    batch.push_back(
        Updated(std::to_string(i % 5)).At(i).State(std::to_string(i)).Raw("r" + std::to_string(i)));
  }
  batch.push_back(Deleted("never seen").At(1));
  batch.push_back(Deleted("3").At(100));
  Commit(batch);
  const auto whole = ChangesAll();
  EXPECT_THAT(whole, SizeIs(61));
  EXPECT_EQ(whole.back(), "D 3");
  for (const int size : {1, 3, 60, 61, 62}) {
    EXPECT_EQ(ChangesAll({.max_changes = size}), whole) << size;
  }
  EXPECT_EQ(ChangesAll({.max_bytes = 1}), whole);
  EXPECT_THAT(store_->Changes({.max_bytes = 1})->changes, SizeIs(1));
  const auto through = store_->Changes({.after = 10, .through = 20});
  EXPECT_THAT(through->changes, SizeIs(10));
  EXPECT_EQ(through->through, 20);
  EXPECT_EQ(through->head, 62);
  const auto at_head = store_->Changes({.after = 62});
  EXPECT_THAT(at_head->changes, IsEmpty());
  EXPECT_EQ(at_head->through, 62);
  EXPECT_EQ(store_->Changes({.raw = true})->changes[5]->raw, "r5");
  EXPECT_EQ(store_->Changes({})->changes[5]->raw, "");
}

TEST_P(StoreConformance, ChangesThatAreNotCoveredArePassedOver) {
  std::vector<Delivery> batch = {In("m", "c", "mine", "first")};
  for (int i = 0; i < 3000; ++i) {
    batch.push_back(In("m", "c", "other" + std::to_string(i % 2), std::to_string(i)));
  }
  batch.push_back(In("m", "d", "mine", "second"));
  Commit(batch);
  // One scope, several scopes, none.
  EXPECT_THAT(ChangesAll({.selection = {{}, "c", "mine"}}), ElementsAre("C first=mcminefirst"));
  EXPECT_THAT(ChangesAll({.selection = {{}, "", "mine"}}),
              ElementsAre("C first=mcminefirst", "C second=mdminesecond"));
  const auto none = store_->Changes({.selection = {{}, "", "nobody"}});
  EXPECT_THAT(none->changes, IsEmpty());
  EXPECT_EQ(none->through, 3002);
}

// Of a few scopes, of many, of all: some change often, some lie far apart.
TEST_P(StoreConformance, ASelectionIsToldWhatItCoversOfTheWholeLog) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const auto any = [&](int count) {
    return static_cast<int>(random() % static_cast<unsigned>(count));
  };
  std::vector<ChangePtr> log;
  for (int i = 0; i < 40; ++i) {
    const bool busy = any(3) == 0;  // with one owner
    std::vector<Delivery> batch;
    for (int j = 0; j < 100; ++j) {
      const std::string model(1, static_cast<char>('m' + any(3)));
      const std::string connector(1, static_cast<char>('c' + any(2)));
      const std::string owner = absl::StrCat("o", busy && any(20) != 0 ? 0 : any(60));
      batch.push_back(In(model, connector, owner, absl::StrCat(i, ".", j)));
    }
    const auto committed = store_->Commit(batch);
    TRIBUTARY_ASSERT_OK(committed);
    log.insert(log.end(), committed->changes.begin(), committed->changes.end());
  }
  const std::vector<Selection> selections = {{},
                                             {{"m"}, "", ""},
                                             {{"m", "o"}, "c", ""},
                                             {{}, "d", ""},
                                             {{}, "", "o0"},
                                             {{"n"}, "", "o0"},
                                             {{"n"}, "c", "o0"},
                                             {{"n"}, "c", "o7"},
                                             {{}, "", "o7"},
                                             {{"m", "n"}, "d", "o0"}};
  for (const Selection& selection : selections) {
    for (const int most : {1000, 50, 3}) {
      SCOPED_TRACE(absl::StrCat(absl::StrJoin(selection.models, ","), "/", selection.connector_id,
                                "/", selection.owner_id, " in pages of ", most));
      std::vector<std::string> expected;
      const Revision after = any(static_cast<int>(log.size()) / 2);
      for (const ChangePtr& change : log) {
        if (change->revision > after && selection.Covers(change->key)) {
          expected.push_back(Describe(*change));
        }
      }
      EXPECT_EQ(ChangesAll({.selection = selection, .after = after, .max_changes = most}),
                expected);
    }
  }
}

TEST_P(StoreConformance, ChangesBringTheStateBeforeWhereAskedForAndAlwaysForDeletes) {
  Commit({Updated("a").At(1).State("x").Raw("rx"), Updated("a").At(2).State("y").Raw("ry"),
          Deleted("a").At(3), Updated("a").At(4).State("z")});
  const auto with = store_->Changes({.raw = true, .before = true});
  TRIBUTARY_ASSERT_OK(with);
  ASSERT_THAT(with->changes, SizeIs(4));
  EXPECT_EQ(with->changes[0]->before, nullptr);
  ASSERT_NE(with->changes[1]->before, nullptr);
  EXPECT_EQ(with->changes[1]->before->state, "x");
  EXPECT_EQ(with->changes[1]->before->raw, "rx");
  ASSERT_NE(with->changes[2]->before, nullptr);
  EXPECT_EQ(with->changes[2]->before->state, "y");
  EXPECT_EQ(with->changes[2]->before->revision, 2);
  EXPECT_EQ(with->changes[3]->before, nullptr);

  const auto without = store_->Changes({});
  EXPECT_EQ(without->changes[1]->before, nullptr);
  ASSERT_NE(without->changes[2]->before, nullptr);
  EXPECT_EQ(without->changes[2]->before->state, "y");
  EXPECT_EQ(without->changes[2]->before->raw, "");
}

TEST_P(StoreConformance, WhatChangesAnswersIsWhatCommitReturned) {
  EngineOptions options;
  options.changed_fields = [](const Record&, const Record& after) { return "f" + after.state; };
  Reopen(options);
  clock_.Advance(12'345);
  const Committed committed = CommitAll(
      {Updated("a").At(1).State("x").Raw("r"), Updated("a").At(2).State("y"),
       Updated("p").At(1).State("p").Embeds(Embedded("e").State("e")), Deleted("a").At(9)});
  const auto page = store_->Changes({.raw = true, .before = true});
  TRIBUTARY_ASSERT_OK(page);
  ASSERT_EQ(page->changes.size(), committed.changes.size());
  for (size_t i = 0; i < committed.changes.size(); ++i) {
    const Change& want = *committed.changes[i];
    const Change& got = *page->changes[i];
    EXPECT_EQ(got.revision, want.revision);
    EXPECT_EQ(got.prev, want.prev);
    EXPECT_EQ(got.kind, want.kind);
    EXPECT_EQ(got.key, want.key);
    EXPECT_EQ(got.state, want.state);
    EXPECT_EQ(got.raw, want.raw);
    EXPECT_EQ(got.changed_fields, want.changed_fields);
    EXPECT_EQ(got.committed_us, want.committed_us);
    EXPECT_EQ(got.received_us, want.received_us);
    EXPECT_EQ(got.delivery, want.delivery);
    ASSERT_EQ(got.before == nullptr, want.before == nullptr);
    if (want.before == nullptr) continue;
    EXPECT_EQ(got.before->state, want.before->state);
    EXPECT_EQ(got.before->raw, want.before->raw);
    EXPECT_EQ(got.before->revision, want.before->revision);
  }
}

}  // namespace
}  // namespace tributary::testing
