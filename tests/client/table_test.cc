#include "client/command/table.h"

#include <string>
#include <vector>

#include "client/command/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary::command {
namespace {

using ::testing::ElementsAre;

std::vector<Column> Columns() {
  return {{.title = "ID", .width_min = 6},
          {.title = "NAME"},
          {.title = "STAGE", .optional = true},
          {.title = "REV", .number = true}};
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

TEST(Table, LinesUpItsColumns) {
  Table table(Columns(), std::nullopt);
  table.Add({"1", "Inès", "open", "7"});
  table.Add({"22", "東京", "", "112"});
  EXPECT_THAT(Lines(table.Render()), ElementsAre("ID  NAME  STAGE  REV",  //
                                                 "1   Inès  open     7",  //
                                                 "22  東京         112"));
}

TEST(Table, KeepsItsLayoutAndShowsItsTitlesOnce) {
  Table table(Columns(), std::nullopt);
  table.Add({"1", "a", "b", "7"});
  table.Render();
  table.Add({"2", "c", "d", "8"});
  EXPECT_THAT(Lines(table.Render()), ElementsAre("2   c     d        8"));
}

TEST(Table, OfNothingIsNothing) { EXPECT_EQ(Table(Columns(), 80).Render(), ""); }

TEST(Table, CutsNothingWhereThereIsNoTerminal) {
  Table table(Columns(), std::nullopt);
  table.Add({std::string(300, 'x'), "a", "b", "7"});
  EXPECT_GT(table.Render().size(), 600u);
}

TEST(Table, FitsTheTerminalWhateverItsWidth) {
  for (size_t width = 10; width < 200; ++width) {
    Table table(Columns(), width);
    table.Add({"res_" + std::string(60, 'x'), std::string(50, 'n'), "appointmentscheduled", "123"});
    for (const std::string& line : Lines(table.Render())) {
      EXPECT_LE(DisplayWidth(line), width) << line;
    }
  }
}

TEST(Table, LaterRowsFitTooHoweverWide) {
  Table table(Columns(), 40);
  table.Add({"1", "a", "b", "7"});
  table.Render();
  table.Add({std::string(100, 'i'), std::string(100, 'n'), std::string(100, 's'), "1"});
  EXPECT_LE(DisplayWidth(Lines(table.Render())[0]), 40u);
}

TEST(Table, NeverCutsANumber) {
  Table table(Columns(), 30);
  table.Add({"1", "a", "b", "7"});
  table.Render();
  table.Add({"1", "a", "b", "1234567"});
  EXPECT_THAT(table.Render(), ::testing::HasSubstr("1234567"));
}

TEST(Table, IsOneLinePerRowWhateverACellHolds) {
  Table table({{.title = "A"}}, 80);
  table.Add({"a\nb\x1B[2J"});
  EXPECT_THAT(Lines(table.Render()), ElementsAre("A", "a b\uFFFD[2J"));
}

TEST(FitWidths, ShrinksTheWidestFirst) {
  EXPECT_THAT(FitWidths(Columns(), {10, 40, 20, 3}, 66), ElementsAre(10, 27, 20, 3));
  EXPECT_THAT(FitWidths(Columns(), {10, 40, 20, 3}, 59), ElementsAre(10, 20, 20, 3));
}

TEST(FitWidths, LeavesOutWhatIsOptionalBeforeItGivesUp) {
  EXPECT_THAT(FitWidths(Columns(), {10, 40, 20, 3}, 28), ElementsAre(10, 11, 0, 3));
  EXPECT_THAT(FitWidths(Columns(), {10, 40, 20, 3}, 20), ElementsAre(6, 7, 0, 3));
}

}  // namespace
}  // namespace tributary::command
