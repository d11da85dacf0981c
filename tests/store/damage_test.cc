// Bytes on the disk that are not what was written: found when they are read, said to whoever asked
// and in the log, never served; and everything else goes on. That rows are checked is shown in
// sqlite_test.cc; this is about pages and the write-ahead log.

#include <map>
#include <random>

#include "tests/store/faulty_store.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Damage : public FaultyStoreTest {
 protected:
  static constexpr int kDeliveries = 60;
  static constexpr int64_t kPage = 16384;

  static auto IsDamage() {
    return AllOf(StatusIs(absl::StatusCode::kDataLoss), HasReason(reason::kStoredDataCorrupt));
  }

  // What is read is what was written, or refused; how much was refused.
  int ExpectTruthOrRefusal(int sent) {
    int refused = 0;
    for (int n = sent - kResources; n < sent; ++n) {
      const auto record = store_->Get(KeyOf(IdOf(n)), false);
      if (!record.ok()) {
        EXPECT_THAT(record, IsDamage());
        ++refused;
      } else if (!record->has_value()) {
        ADD_FAILURE() << IdOf(n) << " is said to be absent";
      } else {
        EXPECT_EQ((*record)->state, StateOfNth(n)) << IdOf(n);
      }
    }
    const auto page = store_->List({});
    if (!page.ok()) {
      EXPECT_THAT(page, IsDamage());
      ++refused;
    } else {
      EXPECT_EQ(page->records.size(), static_cast<size_t>(kResources));
    }
    ChangeQuery query;
    query.after = sent - 5;
    const auto changes = store_->Changes(query);
    if (!changes.ok()) {
      EXPECT_THAT(changes, IsDamage());
      ++refused;
    } else {
      EXPECT_EQ(changes->changes.size(), 5u);
    }
    return refused;
  }

  // A file in which everything is written where it belongs.
  std::string MakeFile() {
    BeginAnew();
    Open();
    for (int n = 0; n < kDeliveries; ++n) EXPECT_TRUE(Send(n));
    Close();
    return Content(path_);
  }

  // The leaf of the table that is the first in the order of keys.
  int64_t FirstLeafOf(const std::string& table) {
    SQLite::Database database(path_, SQLite::OPEN_READWRITE);
    SQLite::Statement select(database,
                             "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
                             " ORDER BY path LIMIT 1");
    select.bind(1, table);
    EXPECT_TRUE(select.executeStep()) << table;
    return select.getColumn(0).getInt64();
  }

  void WritePage(int64_t page, const std::string& bytes) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((page - 1) * kPage);
    file << bytes;
  }

  void PutBack(const std::string& content) {
    Close();
    for (const auto& name : FilesInFolder()) std::filesystem::remove(dir_.File(name));
    std::ofstream(path_, std::ios::binary) << content;
    FaultyDisk::Mend();
    published_ = kDeliveries;
    clock_.Set(kStart + kDeliveries);
  }
};

TEST_F(Damage, OfAWholePageIsFoundByWhoReadsItAtAStartToo) {
  const std::string content = MakeFile();
  const auto pages = static_cast<int64_t>(content.size()) / kPage;
  int opened = 0;
  int found = 0;
  for (int64_t page = 1; page <= pages; ++page) {
    for (const std::string& bytes : {std::string(kPage, '\0'), std::string(kPage, '\xa5'),
                                     content.substr(0, kPage / 2) + std::string(kPage / 2, '\0')}) {
      SCOPED_TRACE(absl::StrCat("page ", page, ", byte ", static_cast<int>(bytes[0])));
      PutBack(content);
      WritePage(page, bytes);
      auto store = TryOpen();
      if (!store.ok()) {
        EXPECT_THAT(store, ::testing::AnyOf(StatusIs(absl::StatusCode::kDataLoss),
                                            StatusIs(absl::StatusCode::kUnavailable),
                                            StatusIs(absl::StatusCode::kFailedPrecondition)));
        ++found;
        continue;
      }
      ++opened;
      store_ = *std::move(store);
      found += ExpectTruthOrRefusal(kDeliveries) > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(opened, 10);
  EXPECT_GT(found, 10);
}

TEST_F(Damage, OfTablesThatAreWrittenLateKeepsNoOtherResourceFromBeingWritten) {
  // Fingerprints in runs that are smaller would be asked for again and again.
  options_.late_changes_max = 16;
  BeginAnew();
  Open();
  std::vector<Delivery> many;  // so that the tables have more pages than one
  for (int i = 0; i < 2000; ++i) {
    many.push_back(Say(Rank::kUpdated, KeyOf(absl::StrCat(i), "an owner")).At(i).State("x"));
  }
  Commit(many);
  for (int i = 0; i < 60; ++i) {
    Commit({Updated("a").At(i).ArrivedAt(i).State(absl::StrCat("s", i)),
            Updated("b").At(i).Parked().Body(absl::StrCat("body ", i))});
  }
  Close();
  const std::string content = Content(path_);
  std::map<std::string, int64_t> pages;
  for (const char* table : {"resource", "change_of_scope", "fingerprint_block", "entry", "delivery",
                            "body", "settled", "raise", "released"}) {
    pages[table] = FirstLeafOf(table);
  }
  int opened = 0;
  for (const auto& [table, page] : pages) {
    SCOPED_TRACE(absl::StrCat(table, ", page ", page));
    PutBack(content);
    WritePage(page, std::string(kPage, '\0'));
    auto store = TryOpen();
    if (!store.ok()) continue;  // it says so: see above
    store_ = *std::move(store);
    ++opened;
    // More than gathers in memory before it is written late.
    for (int i = 0; i < 48; ++i) {
      const Key key = KeyOf(absl::StrCat("new", i), "zz, behind all others");
      const std::vector<Delivery> batch = {
          Say(Rank::kUpdated, key).At(i).ArrivedAt(100 + i).State(absl::StrCat("n", i))};
      TRIBUTARY_EXPECT_OK(store_->Commit(batch)) << i;
      const auto record = store_->Get(key, /*raw=*/false);
      TRIBUTARY_ASSERT_OK(record);
      ASSERT_TRUE(record->has_value());
      EXPECT_EQ((*record)->state, absl::StrCat("n", i));
    }
  }
  EXPECT_GT(opened, 5);
}

TEST_F(Damage, OfARowThatOnlyTheLogHoldsDoesNotBringAnOlderStateBack) {
  for (const char* column :
       {"state = x'00'", "id = x'7a'", "version_time = 9e15", "scope = 99", "crc = 1"}) {
    SCOPED_TRACE(column);
    BeginAnew();
    options_.late_changes_max = 1000;  // pointers are found in the log
    InDyingProcess("never", 1, [](Store& store) {
      const std::vector<Delivery> batch = {
          Updated("a").At(1).State("old"), Updated("b").At(1).State("y"),
          Updated("a").At(2).State("new"), Updated("c").At(1).State("w")};
      if (!store.Commit(batch).ok()) _exit(1);
    });
    FaultyDisk::Mend();
    Sql(absl::StrCat("UPDATE change SET ", column, " WHERE revision = 3"));
    for (int life = 0; life < 2; ++life) {
      Open();
      EXPECT_THAT(store_->Get(KeyOf("a"), false), IsDamage());
      EXPECT_EQ(StateOf("b"), "y");
      EXPECT_EQ(StateOf("c"), "w");
    }
    const auto repaired = Commit({Updated("a").At(3).State("newer")}).outcomes;
    EXPECT_EQ(repaired[0].verdict, Verdict::kApplied);
    EXPECT_EQ(StateOf("a"), "newer");
    Open();
    EXPECT_EQ(StateOf("a"), "newer");
  }
}

// --- Reads that go wrong once
// -------------------------------------------------------------------------------------------------

TEST_F(Damage, ThatAReadOnlySeemsToFindIsGoneWhenItIsReadAgain) {
  const std::string content = MakeFile();
  const auto pages = static_cast<int64_t>(content.size()) / kPage;
  int found = 0;
  for (const bool cut : {true, false}) {
    for (int64_t page = 1; page <= pages; ++page) {
      SCOPED_TRACE(absl::StrCat(cut ? "short" : "flipped", " at page ", page));
      PutBack(content);
      options_.cache_bytes = 512 * 1024;
      Open();
      if (cut) {
        FaultyDisk::CutReads(FaultyDisk::File::kDatabase, (page - 1) * kPage + 1000);
      } else {
        FaultyDisk::FlipReads(FaultyDisk::File::kDatabase, (page - 1) * kPage);
      }
      found += ExpectTruthOrRefusal(kDeliveries) > 0 ? 1 : 0;
      const absl::StatusOr<Committed> committed = store_->Commit(Nth(kDeliveries));
      FaultyDisk::Mend();
      if (committed.ok()) {
        ExpectShown(kDeliveries + 1);
      } else {
        EXPECT_EQ(ExpectTruthOrRefusal(kDeliveries), 0);
        TRIBUTARY_EXPECT_OK(store_->Commit(Nth(kDeliveries)));
        ExpectShown(kDeliveries + 1);
      }
    }
  }
  EXPECT_GT(found, 5);
}

// --- The write-ahead log
// -------------------------------------------------------------------------------------------------

class DamagedLog : public Damage {
 protected:
  std::map<std::string, std::string> Files() {
    std::map<std::string, std::string> files;
    for (const auto& name : FilesInFolder()) {
      if (!name.ends_with("-shm")) files[name] = Content(dir_.File(name));
    }
    return files;
  }
};

TEST_F(DamagedLog, InItsMiddleIsFoundAtTheStartAndLeftAsItIs) {
  LeaveLogOf(kDeliveries);
  const std::string log = path_ + "-wal";
  const auto size = static_cast<int64_t>(std::filesystem::file_size(log));
  std::mt19937 random(1);
  std::vector<int64_t> places = {0, 5, 9, 17, 25, 31};             // in the head
  for (int64_t at = 32; at < 32 + 24; ++at) places.push_back(at);  // of the first frame
  for (int i = 0; i < 30; ++i) {
    places.push_back(32 + static_cast<int64_t>(random() % static_cast<unsigned>(size / 2)));
  }
  for (const int64_t at : places) {
    SCOPED_TRACE(absl::StrCat("byte ", at));
    FlipByte(log, at);
    const auto before = Files();
    EXPECT_THAT(TryOpen(), AllOf(IsDamage(), StatusIs(absl::StatusCode::kDataLoss,
                                                      AllOf(HasSubstr(log), HasSubstr("backup")))));
    EXPECT_EQ(Files(), before);
    FlipByte(log, at);
  }
  Open();
  ExpectShown(kDeliveries);
}

TEST_F(DamagedLog, CanBeCutOffWhereItIsDamagedByTheCommandThatIsSaid) {
  LeaveLogOf(kDeliveries);
  const std::string log = path_ + "-wal";
  FlipByte(log, static_cast<int64_t>(std::filesystem::file_size(log)) / 2);
  EXPECT_THAT(TryOpen(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr(absl::StrCat(path_, " 'PRAGMA wal_checkpoint(TRUNCATE)'"))));
  Sql("PRAGMA wal_checkpoint(TRUNCATE)");
  Open();
  const auto kept = static_cast<int>(store_->GetHead()->revision);
  EXPECT_GT(kept, 5);
  EXPECT_LT(kept, kDeliveries - 5);
  ExpectShown(kept);
  published_ = kept;
  for (int n = kept; n < kDeliveries; ++n) EXPECT_TRUE(Send(n));
  ExpectStored(kDeliveries);
}

// As a process leaves it that dies in the middle of a commit.
TEST_F(DamagedLog, InItsLastTransactionIsTakenForOneThatWasCutOff) {
  const std::string log = path_ + "-wal";
  for (const int64_t less : {int64_t{0}, int64_t{1}, int64_t{100}, kPage, kPage + 30}) {
    SCOPED_TRACE(less);
    BeginAnew();
    LeaveLogOf(kDeliveries);
    const auto size = static_cast<int64_t>(std::filesystem::file_size(log));
    if (less == 0) {
      FlipByte(log, size - 100);
    } else {
      std::filesystem::resize_file(log, static_cast<uintmax_t>(size - less));
    }
    Open();
    ExpectShown(kDeliveries - 1);
    published_ = kDeliveries - 1;
    EXPECT_TRUE(Send(kDeliveries - 1));
    ExpectStored(kDeliveries);
  }
}

}  // namespace
}  // namespace tributary::testing
