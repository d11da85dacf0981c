#include "client/command/follow_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_dir.h"

namespace tributary::command {
namespace {

using ::testing::HasSubstr;
using testing::TempDir;

class FollowFileTest : public ::testing::Test {
 protected:
  std::string Content() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

  // What the next run finds.
  std::string TokenOfANewRun() const {
    const auto file = FollowFile::Open(path_);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? (*file)->token() : "";
  }

  TempDir dir_;
  const std::string path_ = dir_.File("token");
};

TEST_F(FollowFileTest, HoldsNoTokenUntilOneIsSaved) {
  EXPECT_EQ(TokenOfANewRun(), "");
  EXPECT_FALSE(std::filesystem::exists(path_)) << "to open is not to save";
  Write(path_, "");
  EXPECT_EQ(TokenOfANewRun(), "");
}

TEST_F(FollowFileTest, GivesTheLastTokenToTheNextRun) {
  {
    const auto file = FollowFile::Open(path_);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Save("first").ok());
    ASSERT_TRUE((*file)->Save("second").ok());
    EXPECT_EQ((*file)->token(), "second");
  }
  EXPECT_EQ(TokenOfANewRun(), "second");
  EXPECT_EQ(Content(), "second\n") << "as $(cat FILE) wants it";
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(FollowFileTest, AFileWrittenByHandMayEndInALineBreakOrNot) {
  Write(path_, "token");
  EXPECT_EQ(TokenOfANewRun(), "token");
  Write(path_, " token\r\n\n");
  EXPECT_EQ(TokenOfANewRun(), "token");
}

TEST_F(FollowFileTest, ARunThatDiedWhileItSavedLeftTheTokenBefore) {
  Write(path_, "whole\n");
  Write(path_ + ".new", "hal");
  EXPECT_EQ(TokenOfANewRun(), "whole");
  const auto file = FollowFile::Open(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Save("next").ok());
  EXPECT_EQ(Content(), "next\n");
}

TEST_F(FollowFileTest, TwoRunsDoNotShareOneFile) {
  auto first = FollowFile::Open(path_);
  ASSERT_TRUE(first.ok());
  const auto second = FollowFile::Open(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(path_));
  first->reset();
  EXPECT_TRUE(FollowFile::Open(path_).ok());
}

TEST_F(FollowFileTest, SaysWhatItCannotReadOrWrite) {
  const auto nowhere = FollowFile::Open(dir_.File("no/such/folder"));
  EXPECT_THAT(std::string(nowhere.status().message()), HasSubstr("cannot open"));
  std::filesystem::create_directory(dir_.File("folder"));
  const auto folder = FollowFile::Open(dir_.File("folder"));
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("cannot read"));

  const auto file = FollowFile::Open(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Save("kept").ok());
  std::filesystem::create_directory(path_ + ".new");  // fails for root too
  EXPECT_THAT(std::string((*file)->Save("lost").message()), HasSubstr("cannot write"));
  EXPECT_EQ((*file)->token(), "kept");
  EXPECT_EQ(Content(), "kept\n");
}

TEST_F(FollowFileTest, OnlyItsOwnerMayReadIt) {
  const auto file = FollowFile::Open(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Save("token").ok());
  struct stat status = {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0077u, 0u);
}

}  // namespace
}  // namespace tributary::command
