#include "client/command/table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "client/command/text.h"

namespace tributary::command {
namespace {

constexpr size_t kGap = 2;

size_t TotalWidth(const std::vector<size_t>& widths) {
  size_t total = 0;
  for (const size_t width : widths) total += width == 0 ? 0 : width + kGap;
  return total == 0 ? 0 : total - kGap;
}

// The widest column that may still shrink; the size of `widths` if there is none.
size_t WidestShrinkable(const std::vector<Column>& columns, const std::vector<size_t>& widths) {
  size_t widest = widths.size();
  for (size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] <= columns[i].width_min) continue;
    if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
  }
  return widest;
}

}  // namespace

std::vector<size_t> FitWidths(const std::vector<Column>& columns, std::vector<size_t> widths,
                              std::optional<size_t> width_max) {
  if (!width_max.has_value()) return widths;
  const std::vector<size_t> natural = widths;
  for (size_t columns_left = columns.size();;) {
    while (TotalWidth(widths) > *width_max) {
      const size_t widest = WidestShrinkable(columns, widths);
      if (widest == widths.size()) break;
      --widths[widest];
    }
    if (TotalWidth(widths) <= *width_max) return widths;
    // Leave out the last optional column and let the others have their room.
    while (columns_left > 0 && !columns[columns_left - 1].optional) --columns_left;
    if (columns_left == 0) return widths;
    --columns_left;
    const std::vector<size_t> before = std::exchange(widths, natural);
    for (size_t i = 0; i < widths.size(); ++i) {
      if (i == columns_left || before[i] == 0) widths[i] = 0;
    }
  }
}

void Table::Add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = OneLine(cell);
  row.resize(columns_.size());
  rows_.push_back(std::move(row));
}

std::string Table::Render() {
  std::string text;
  if (rows_.empty()) return text;
  if (widths_.empty()) {
    Layout();
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    text += Line(titles);
  }
  for (const auto& row : rows_) text += Line(row);
  rows_.clear();
  return text;
}

void Table::Layout() {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i]));
    widths.push_back(width);
  }
  widths_ = FitWidths(columns_, std::move(widths), width_max_);
}

std::string Table::Line(const std::vector<std::string>& row) const {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (widths_[i] == 0) continue;
    if (!line.empty()) line.append(kGap, ' ');
    const std::string cell = width_max_.has_value() ? CutToWidth(row[i], widths_[i]) : row[i];
    const size_t width = DisplayWidth(cell);
    const size_t padding = width < widths_[i] ? widths_[i] - width : 0;
    if (columns_[i].right) line.append(padding, ' ');
    line += cell;
    if (!columns_[i].right) line.append(padding, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace tributary::command
