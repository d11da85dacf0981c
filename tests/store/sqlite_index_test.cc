// Lists by the values of a field: what the index answers is what a look at every resource would.

#include <algorithm>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/status_macros.h"
#include "tests/store/dying_process.h"

namespace tributary::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kSize = 1;     // one value, always
constexpr uint32_t kLetters = 2;  // any number of values

// States of the test: "05,abc" has the size 05 and the letters a, b, c.
std::vector<IndexEntry> IndexOf(const std::string&, std::string_view state) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(state), ',');
  std::vector<IndexEntry> entries = {{kSize, parts[0]}};
  std::string letters = parts.size() > 1 ? parts[1] : "";
  std::sort(letters.begin(), letters.end());
  letters.erase(std::unique(letters.begin(), letters.end()), letters.end());
  for (const char letter : letters) entries.push_back({kLetters, std::string(1, letter)});
  return entries;
}

class EvenSize final : public RecordFilter {
 public:
  bool Matches(const Record& record, RecordLookup&) const override {
    return (record.state[1] - '0') % 2 == 0;
  }
};

class SqliteIndex : public DyingSqliteStoreTest {
 protected:
  using States = std::map<std::pair<std::string, std::string>, std::string>;  // by owner and id

  SqliteIndex() {
    options_.index = IndexOf;
    options_.index_definition = 1;
    options_.late_changes_max = 5;
    options_.history_retention_us = options_.tombstone_retention_us = 0;
  }

  void Put(const std::string& id, const std::string& state, const std::string& owner = "acme") {
    ++now_;
    Commit({Say(Rank::kUpdated, KeyOf(id, owner)).At(now_).ArrivedAt(now_).State(state)});
  }

  // Page by page: "owner/id=state".
  absl::StatusOr<std::vector<std::string>> All(RecordQuery query) {
    std::vector<std::string> all;
    for (;;) {
      TRIBUTARY_ASSIGN_OR_RETURN(RecordPage page, store_->List(query));
      for (const Record& record : page.records) all.push_back(Text(record.key, record.state));
      if (!page.next.has_value()) return all;
      query.revision = page.revision;
      query.after = std::move(page.next);
      query.after_value = std::move(page.next_value);
    }
  }
  static std::string Text(const Key& key, const std::string& state) {
    return absl::StrCat(key.owner_id, "/", key.id, "=", state);
  }

  // The same by looking at every resource.
  static std::vector<std::string> Expected(const States& states, const RecordQuery& query) {
    std::vector<std::tuple<std::string, std::string, std::string>> found;  // value, owner, id
    for (const auto& [name, state] : states) {
      const auto& owner = query.selection.owner_id;
      if (!owner.empty() && owner != name.first) continue;
      if (query.filter != nullptr && (state[1] - '0') % 2 != 0) continue;
      for (const IndexEntry& entry : IndexOf("", state)) {
        if (entry.field != query.index->field) continue;
        if (query.index->order == IndexScan::Order::kEqual) {
          if (entry.value == query.index->from) found.emplace_back("", name.first, name.second);
        } else if (entry.value >= query.index->from &&
                   (query.index->until.empty() || entry.value < query.index->until)) {
          found.emplace_back(entry.value, name.first, name.second);
        }
      }
    }
    std::sort(found.begin(), found.end());
    if (query.index->order == IndexScan::Order::kDescending) {
      std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::get<0>(a) > std::get<0>(b);
      });
    }
    std::vector<std::string> all;
    for (const auto& [value, owner, id] : found) {
      all.push_back(Text(KeyOf(id, owner), states.at({owner, id})));
    }
    return all;
  }

  Revision At() { return store_->GetHead()->revision; }

  int64_t now_ = 0;
};

RecordQuery ByLetter(const std::string& letter) {
  RecordQuery query;
  query.index = IndexScan{kLetters, IndexScan::Order::kEqual, letter, ""};
  return query;
}

TEST_F(SqliteIndex, AnswersWhatALookAtEveryResourceWouldAtEveryRevision) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937 random(seed);
    for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
    options_.history_max_changes = 20 + random() % 100;
    options_.late_changes_max = 1 + random() % 40;
    Open();
    std::vector<States> oracle(1);
    const auto pick = [&](const char* const* of, size_t count) { return of[random() % count]; };
    const char* const owners[] = {"acme", "b", "c"};
    const auto check = [&] {
      for (int i = 0; i < 12; ++i) {
        RecordQuery query;
        query.revision = At() - static_cast<Revision>(random() % 30);
        if (*query.revision < store_->GetHead()->oldest_revision) continue;
        query.max_records = 1 + static_cast<int>(random() % 5);
        if (random() % 2 == 0) query.selection.owner_id = pick(owners, 3);
        if (random() % 3 == 0) query.filter = std::make_shared<const EvenSize>();
        IndexScan scan;
        scan.order = static_cast<IndexScan::Order>(random() % 3);
        scan.field = scan.order == IndexScan::Order::kEqual ? kLetters : kSize;
        if (scan.order == IndexScan::Order::kEqual)
          scan.from = std::string(1, "abcd"[random() % 4]);
        if (scan.order != IndexScan::Order::kEqual && random() % 2 == 0) {
          scan.from = absl::StrCat("0", random() % 5);
          if (random() % 2 == 0) scan.until = absl::StrCat("0", random() % 10);
        }
        query.index = scan;
        const auto all = All(query);
        if (!all.ok() && *query.revision < store_->GetHead()->oldest_revision) continue;
        TRIBUTARY_ASSERT_OK(all);
        ASSERT_EQ(*all, Expected(oracle[static_cast<size_t>(*query.revision)], query));
      }
    };
    for (int i = 0; i < 300; ++i) {
      const std::string id = absl::StrCat("id", random() % 15);
      const std::string owner = pick(owners, 3);
      States next = oracle.back();
      if (random() % 6 == 0) {
        ++now_;
        Commit({Say(Rank::kDeleted, KeyOf(id, owner)).At(now_).ArrivedAt(now_)});
        next.erase({owner, id});
      } else {
        std::string state = absl::StrCat("0", random() % 10, ",");
        for (int letters = static_cast<int>(random() % 3); letters > 0; --letters) {
          state += "abcd"[random() % 4];
        }
        Put(id, state, owner);
        next[{owner, id}] = state;
      }
      if (At() == static_cast<Revision>(oracle.size())) oracle.push_back(std::move(next));
      if (random() % 25 == 0) check();
      if (random() % 120 == 0) Open();
    }
    check();
  }
}

TEST_F(SqliteIndex, WhatHistoryHasPassedIsTakenOut) {
  options_.history_max_changes = 10;
  Open();
  for (int i = 0; i < 600; ++i) Put("a", absl::StrCat(i % 10, i / 10 % 10, ",", i % 2 ? "x" : "y"));
  Close();
  EXPECT_LE(std::stoi(Ask("SELECT count(*) FROM entry")), 200);
}

TEST_F(SqliteIndex, AFileThatWasNotIndexedIsIndexedWhenItIsOpened) {
  options_.index = nullptr;
  options_.index_definition = 0;
  Open();
  for (int i = 0; i < 20; ++i) Put(absl::StrCat("id", i), i == 7 ? "01,x" : "02,y");
  const Revision before = At();
  options_.index = IndexOf;
  options_.index_definition = 1;
  Open();
  EXPECT_THAT(*All(ByLetter("x")), ElementsAre("acme/id7=01,x"));
  Put("id7", "03,y");
  EXPECT_THAT(*All(ByLetter("x")), IsEmpty());
  // Before that it has to look at every resource.
  RecordQuery past = ByLetter("x");
  past.revision = before - 1;
  EXPECT_THAT(*All(past), ElementsAre("acme/id7=01,x"));
}

TEST_F(SqliteIndex, AProcessThatDiesAnywhereLeavesTheIndexWhole) {
  for (const char* step : {"before_late_work", "before_commit", "after_commit", "settling"}) {
    for (const int nth : {5, 33, 1000}) {
      SCOPED_TRACE(absl::StrCat(step, " ", nth));
      for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
      for (int life = 0; life < 2; ++life) {
        InDyingProcess(step, nth, [&](Store& store) {
          const auto begin = static_cast<int>(store.GetHead()->revision);
          for (int i = begin; i < begin + 50; ++i) {
            (void)store.Commit(std::vector<Delivery>{
                Updated(absl::StrCat("id", i % 7)).At(i).State(absl::StrCat("0", i % 10, ",a"))});
          }
        });
      }
      Open();
      States expected;
      for (int i = 0; i < At(); ++i) {
        expected[{"acme", absl::StrCat("id", i % 7)}] = absl::StrCat("0", i % 10, ",a");
      }
      RecordQuery query;
      query.index = IndexScan{kSize, IndexScan::Order::kRising, "", ""};
      EXPECT_EQ(*All(query), Expected(expected, query));
      Close();
    }
  }
}

TEST_F(SqliteIndex, AnOrderOverTooManyScopesIsRefused) {
  Open();
  for (int i = 0; i <= 1000; i += 91) {
    std::vector<Delivery> batch;
    for (int j = i; j < i + 91; ++j) {
      batch.push_back(Say(Rank::kUpdated, KeyOf("a", absl::StrCat("owner", j))).State("01,x"));
    }
    Commit(batch);
  }
  RecordQuery query;
  query.index = IndexScan{kSize, IndexScan::Order::kRising, "", ""};
  EXPECT_THAT(store_->List(query), StatusIs(absl::StatusCode::kInvalidArgument));
  query.selection.owner_id = "owner7";
  EXPECT_THAT(*All(query), ElementsAre("owner7/a=01,x"));
  // In key order they come one after the other, however many there are.
  EXPECT_EQ(All(ByLetter("x"))->size(), 1001u);
}

}  // namespace
}  // namespace tributary::testing
