// What a store promises of its reads.

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/base/strings.h"
#include "tests/store/conformance.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, AReadSeesWhatWasCommittedBeforeItBegan) {
  for (int i = 1; i <= 20; ++i) {
    const std::string id = "id" + std::to_string(i);
    CommitOne(Updated(id).At(i).State("x"));
    EXPECT_EQ(StateOf(id), "x");
    EXPECT_EQ(HeadRevision(), i);
    EXPECT_THAT(ListAll(), SizeIs(i));
    EXPECT_THAT(ChangesAll({.after = i - 1}), ElementsAre("C " + id + "=x"));
  }
}

TEST_P(StoreConformance, GetAnswersTheWholeRecord) {
  CommitOne(Updated("a").At(1).State("x").Raw("raw"));
  CommitOne(Updated("b").At(1).State("y"));
  const auto lean = store_->Get(KeyOf("a"), false);
  TRIBUTARY_ASSERT_OK(lean);
  ASSERT_TRUE(lean->has_value());
  EXPECT_EQ((*lean)->key, KeyOf("a"));
  EXPECT_EQ((*lean)->revision, 1);
  EXPECT_EQ((*lean)->state, "x");
  EXPECT_EQ((*lean)->raw, "");
  EXPECT_EQ((*store_->Get(KeyOf("a"), true))->raw, "raw");
  CommitOne(Deleted("a").At(2));
  const auto tombstone = store_->Get(KeyOf("a"), true);
  TRIBUTARY_ASSERT_OK(tombstone);
  ASSERT_TRUE(tombstone->has_value());
  EXPECT_TRUE((*tombstone)->deleted);
  EXPECT_EQ((*tombstone)->revision, 3);
  EXPECT_EQ((*tombstone)->state, "");
}

TEST_P(StoreConformance, KeysDifferInEveryPart) {
  CommitOne(In("m", "c", "o", "i"));
  EXPECT_EQ(StateOf(KeyOf("i", "o", "c", "m")), "mcoi");
  EXPECT_EQ(StateOf(KeyOf("i", "o", "c", "M")), "(absent)");
  EXPECT_EQ(StateOf(KeyOf("i", "o", "C", "m")), "(absent)");
  EXPECT_EQ(StateOf(KeyOf("i", "O", "c", "m")), "(absent)");
  EXPECT_EQ(StateOf(KeyOf("I", "o", "c", "m")), "(absent)");
}

TEST_P(StoreConformance, AnyBytesComeBackAsTheyWere) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  CommitOne(Say(Rank::kUpdated, KeyOf("id '\"%_\\ \xC3\xBC", "o'wner", "c\"onnector"))
                .State(all)
                .Raw(std::string(100'000, '\0')));
  const auto record = store_->Get(KeyOf("id '\"%_\\ \xC3\xBC", "o'wner", "c\"onnector"), true);
  TRIBUTARY_ASSERT_OK(record);
  ASSERT_TRUE(record->has_value());
  EXPECT_EQ((*record)->state, all);
  EXPECT_EQ((*record)->raw, std::string(100'000, '\0'));
}

TEST_P(StoreConformance, BatchGetAnswersInTheOrderAskedForAndNamesWhatIsMissing) {
  Commit({Updated("a").State("A"), Updated("b").State("B"), Updated("c").State("C"),
          Deleted("b").At(1'000'000)});
  BatchQuery query;
  query.scope = KeyOf("");
  query.ids = {"c", "nope", "a", "c", "b", "nope"};
  const auto batch = store_->BatchGet(query);
  TRIBUTARY_ASSERT_OK(batch);
  ASSERT_THAT(batch->records, SizeIs(2));
  EXPECT_EQ(batch->records[0].state, "C");
  EXPECT_EQ(batch->records[1].state, "A");
  EXPECT_THAT(batch->missing, ElementsAre("nope", "b"));
  EXPECT_THAT(batch->unread, IsEmpty());
  EXPECT_EQ(batch->revision, 4);
  query.scope.owner_id = "stranger";
  EXPECT_THAT(store_->BatchGet(query)->missing, ElementsAre("c", "nope", "a", "b"));
}

TEST_P(StoreConformance, GetAndBatchGetShowAnOlderRevision) {
  Commit({Updated("a").At(1).State("old"), Updated("a").At(2).State("new"), Deleted("a").At(3),
          Updated("b").At(4).State("b")});
  const auto at = [&](Revision revision) {
    const auto record = store_->Get(KeyOf("a"), false, revision);
    TRIBUTARY_EXPECT_OK(record);
    if (!record.ok() || !record->has_value()) return std::string("(absent)");
    return (*record)->deleted ? "(deleted)" : (*record)->state;
  };
  EXPECT_EQ(at(0), "(absent)");
  EXPECT_EQ(at(1), "old");
  EXPECT_EQ(at(2), "new");
  EXPECT_EQ(at(4), "(deleted)");
  EXPECT_THAT(store_->Get(KeyOf("a"), false, 5), StatusIs(absl::StatusCode::kOutOfRange));
  BatchQuery query;
  query.scope = KeyOf("");
  query.ids = {"b", "a"};
  query.revision = 2;
  const auto batch = store_->BatchGet(query);
  TRIBUTARY_ASSERT_OK(batch);
  ASSERT_THAT(batch->records, SizeIs(1));
  EXPECT_EQ(batch->records[0].state, "new");
  EXPECT_THAT(batch->missing, ElementsAre("b"));
  EXPECT_EQ(batch->revision, 2);
}

// Whose state names a resource that exists.
class NamesOneThatExists final : public RecordFilter {
 public:
  bool Matches(const Record& record, RecordLookup& others) const override {
    return others.Find(KeyOf(record.state)).has_value();
  }
};

TEST_P(StoreConformance, AFilterLooksFurtherAtTheRevisionOfThePage) {
  // More than are read at once, and some that fail.
  for (int i = 0; i < 300; ++i) {
    CommitOne(Updated(absl::StrCat("r", 1000 + i)).At(i).State(i % 3 == 0 ? "target" : "nobody"));
  }
  RecordQuery query;
  query.filter = std::make_shared<const NamesOneThatExists>();
  query.max_records = 7;
  EXPECT_THAT(ListAll(query), IsEmpty());
  CommitOne(Updated("target").At(400).State("x"));
  const Revision there = HeadRevision();
  EXPECT_THAT(ListAll(query), SizeIs(100));
  CommitOne(Deleted("target").At(401));
  EXPECT_THAT(ListAll(query), IsEmpty());
  query.revision = there;
  EXPECT_THAT(ListAll(query), SizeIs(100));
}

TEST_P(StoreConformance, BatchGetNamesWhatDidNotFit) {
  Commit({Updated("a").State(std::string(600, 'a')), Updated("b").State(std::string(600, 'b')),
          Updated("c").State("c")});
  BatchQuery query;
  query.scope = KeyOf("");
  query.ids = {"a", "b", "c"};
  query.max_bytes = 1000;
  auto batch = store_->BatchGet(query);
  TRIBUTARY_ASSERT_OK(batch);
  EXPECT_THAT(batch->records, SizeIs(1));
  EXPECT_THAT(batch->unread, ElementsAre("b", "c"));
  query.ids = batch->unread;
  query.max_bytes = 1;  // the first is answered whatever its size
  batch = store_->BatchGet(query);
  EXPECT_THAT(batch->records, SizeIs(1));
  EXPECT_THAT(batch->unread, ElementsAre("c"));
}

TEST_P(StoreConformance, ListAnswersInKeyOrderWhateverTheOrderOfArrival) {
  // Ids compare bytewise: a prefix first, upper case before lower case, UTF-8 last.
  Commit({In("m2", "c", "o", "1"), In("m1", "d", "o", "1"), In("m1", "c", "p", "1"),
          In("m1", "c", "o", "\xC3\xBC"), In("m1", "c", "o", "a"), In("m1", "c", "o", "Z"),
          In("m1", "c", "o", "aa"), In("m1", "c", "o", "10"), In("m1", "c", "o", "9")});
  const auto page = store_->List({});
  TRIBUTARY_ASSERT_OK(page);
  std::vector<std::string> names;
  for (const Record& r : page->records) {
    names.push_back(r.key.model + r.key.connector_id + r.key.owner_id + r.key.id);
    EXPECT_EQ(r.state, names.back());
  }
  EXPECT_THAT(names, ElementsAre("m1co10", "m1co9", "m1coZ", "m1coa", "m1coaa", "m1co\xC3\xBC",
                                 "m1cp1", "m1do1", "m2co1"));
}

TEST_P(StoreConformance, SelectionsNarrowListsAndChanges) {
  Commit({In("m1", "c1", "o1", "a"), In("m1", "c1", "o2", "b"), In("m1", "c2", "o1", "c"),
          In("m2", "c1", "o1", "d"), In("m2", "c2", "o2", "e"), In("m3", "c1", "o2", "f")});
  const auto ids = [&](Selection selection) {
    std::string listed;
    std::string changed;
    for (const std::string& item : ListAll({.selection = selection})) listed += item[0];
    for (const std::string& item : ChangesAll({.selection = selection})) changed += item[2];
    EXPECT_EQ(listed, changed);  // it was committed in key order
    return listed;
  };
  EXPECT_EQ(ids({}), "abcdef");
  EXPECT_EQ(ids({.models = {"m1"}}), "abc");
  EXPECT_EQ(ids({.models = {"m3", "m1"}}), "abcf");
  EXPECT_EQ(ids({.connector_id = "c1"}), "abdf");
  EXPECT_EQ(ids({.owner_id = "o1"}), "acd");
  EXPECT_EQ(ids({.connector_id = "c2", .owner_id = "o2"}), "e");
  EXPECT_EQ(ids({.models = {"m2"}, .connector_id = "c1", .owner_id = "o1"}), "d");
  EXPECT_EQ(ids({.models = {"m2"}, .connector_id = "c1", .owner_id = "o2"}), "");
  EXPECT_EQ(ids({.models = {"m9"}}), "");
  EXPECT_EQ(ids({.owner_id = "o"}), "");
}

TEST_P(StoreConformance, PagesOfAListJoinWithoutGapOrOverlap) {
  std::vector<Delivery> batch;
  for (int i = 0; i < 50; ++i) {
    batch.push_back(In("m", "c", "o" + std::to_string(i % 3), std::to_string(i)));
  }
  batch.push_back(Say(Rank::kDeleted, KeyOf("7", "o1", "c", "m")).At(1'000'000));
  Commit(batch);
  const auto whole = ListAll();
  EXPECT_THAT(whole, SizeIs(49));
  for (const int size : {1, 2, 7, 48, 49, 50}) {
    EXPECT_EQ(ListAll({.max_records = size}), whole) << size;
    const auto page = store_->List({.max_records = size});
    EXPECT_LE(page->records.size(), static_cast<size_t>(size));
  }
  EXPECT_EQ(ListAll({.max_bytes = 20}), whole);
  // A position between two keys, or in a scope that is not there, is as good as any.
  EXPECT_EQ(ListAll({.after = KeyOf("", "", "", "")}), whole);
  EXPECT_THAT(ListAll({.after = KeyOf("", "", "", "z")}), IsEmpty());
  EXPECT_THAT(ListAll({.after = KeyOf("5zz", "o2", "c", "m")}), ElementsAre("8=mco28"));
}

TEST_P(StoreConformance, APageEndsBeforeTheRecordThatWouldPassItsBytesButTheFirst) {
  Commit({Updated("a").State(std::string(5000, 'a')), Updated("b").State(std::string(5000, 'b')),
          Updated("c").State("c")});
  const auto page = store_->List({.max_bytes = 1000});
  TRIBUTARY_ASSERT_OK(page);
  ASSERT_THAT(page->records, SizeIs(1));
  EXPECT_EQ(page->next, KeyOf("a"));
  EXPECT_THAT(store_->List({.max_bytes = 11'000})->records, SizeIs(3));
}

TEST_P(StoreConformance, APagePutTogetherByTheQueryHoldsWhatItsRecordsWouldBe) {
  for (int i = 0; i < 40; ++i) {
    const std::string state(static_cast<size_t>(i * 7 % 30), static_cast<char>('a' + i % 26));
    CommitOne(Updated(absl::StrCat(i % 25)).At(i + 1).State(state).Raw(absl::StrCat("raw", i)));
    if (i % 9 == 0) CommitOne(Deleted(absl::StrCat(i % 25)).At(i + 1));
  }
  constexpr auto kAppend = [](std::string& out, const RecordView& record) {
    absl::StrAppend(&out, record.revision, "=", Absl(record.state), "/", Absl(record.raw), " ");
  };
  for (const bool raw : {false, true}) {
    for (const Revision at : {Revision{17}, HeadRevision()}) {
      for (const size_t max_bytes : {size_t{1}, size_t{70}, size_t{10'000}}) {
        SCOPED_TRACE(absl::StrCat(raw, ", as of ", at, ", ", max_bytes, " bytes"));
        std::string expected;
        const auto whole = store_->List({.revision = at, .raw = raw});
        TRIBUTARY_ASSERT_OK(whole);
        for (const Record& record : whole->records) {
          kAppend(expected, {record.revision, record.state, record.raw});
        }
        std::string all;
        int count = 0;
        RecordQuery query{.revision = at, .max_records = 7, .max_bytes = max_bytes, .raw = raw};
        query.append = kAppend;
        do {
          const auto page = store_->List(query);
          TRIBUTARY_ASSERT_OK(page);
          EXPECT_THAT(page->records, IsEmpty());
          EXPECT_TRUE(page->appended.size() <= max_bytes || page->appended_count == 1);
          EXPECT_LE(page->appended_count, 7);
          all += page->appended;
          count += page->appended_count;
          query.after = page->next;
        } while (query.after.has_value());
        EXPECT_EQ(all, expected);
        EXPECT_EQ(count, std::count(expected.begin(), expected.end(), ' '));
      }
    }
  }
}

TEST_P(StoreConformance, AListShowsAnyRevisionAskedFor) {
  Commit({Updated("a").At(1).State("a1"), Updated("b").At(1).State("b1"),
          Updated("a").At(2).State("a2"), Deleted("b").At(2), Updated("c").At(1).State("c1"),
          Updated("b").At(3).State("b3")});
  const auto at = [&](Revision revision) { return ListAll({.revision = revision}); };
  EXPECT_THAT(at(0), IsEmpty());
  EXPECT_THAT(at(1), ElementsAre("a=a1"));
  EXPECT_THAT(at(2), ElementsAre("a=a1", "b=b1"));
  EXPECT_THAT(at(3), ElementsAre("a=a2", "b=b1"));
  EXPECT_THAT(at(4), ElementsAre("a=a2"));
  EXPECT_THAT(at(5), ElementsAre("a=a2", "c=c1"));
  EXPECT_THAT(at(6), ElementsAre("a=a2", "b=b3", "c=c1"));
  EXPECT_EQ(store_->List({.revision = 3})->revision, 3);
  EXPECT_EQ(store_->List({})->revision, 6);
}

TEST_P(StoreConformance, PositionsBeyondTheHeadAreRefused) {
  CommitOne(Updated("a").State("x"));
  EXPECT_THAT(store_->List({.revision = 2}),
              AllOf(StatusIs(absl::StatusCode::kOutOfRange), HasReason(reason::kPositionInFuture)));
  EXPECT_THAT(store_->List({.revision = -1}), AllOf(StatusIs(absl::StatusCode::kOutOfRange),
                                                    HasReason(reason::kRevisionCompacted)));
  EXPECT_THAT(store_->Changes({.after = 2}),
              AllOf(StatusIs(absl::StatusCode::kOutOfRange), HasReason(reason::kPositionInFuture)));
}

TEST_P(StoreConformance, AReadShowsOneRevisionWhileBatchesAreCommitted) {
  constexpr int kBatches = 200;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    Revision last = 0;
    BatchQuery query;
    query.scope = KeyOf("");
    query.ids = {"a", "b"};
    while (!done) {
      const auto batch = store_->BatchGet(query);
      TRIBUTARY_ASSERT_OK(batch);
      EXPECT_GE(batch->revision, last);
      last = batch->revision;
      if (last == 0) continue;
      ASSERT_THAT(batch->records, SizeIs(2));
      EXPECT_EQ(batch->records[0].state, batch->records[1].state);
      const auto changes = store_->Changes({.after = last - 2});
      TRIBUTARY_ASSERT_OK(changes);
      ASSERT_GE(changes->changes.size(), 2u);
      EXPECT_EQ(changes->changes[0]->state, batch->records[0].state);
    }
  });
  for (int i = 0; i < kBatches; ++i) {
    const std::string state = std::to_string(i);
    Commit({Updated("a").At(i).State(state), Updated("b").At(i).State(state)});
  }
  done = true;
  reader.join();
}

TEST_P(StoreConformance, WritersAndReadersOfNewScopesDoNotDisturbEachOther) {
  constexpr int kOwners = 200;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const auto head = store_->GetHead();
      const auto page = store_->List({.max_records = 1000});
      TRIBUTARY_ASSERT_OK(page);
      EXPECT_GE(page->revision, head->revision);
      if (!page->next.has_value()) {
        EXPECT_EQ(page->records.size(), static_cast<size_t>(page->revision));
      }
      TRIBUTARY_EXPECT_OK(store_->Changes({.after = head->revision}));
    }
  });
  for (int i = 0; i < kOwners; ++i) CommitOne(In("m", "c", "o" + std::to_string(i), "x"));
  done = true;
  reader.join();
  EXPECT_THAT(ListAll(), SizeIs(kOwners));
}

}  // namespace
}  // namespace tributary::testing
