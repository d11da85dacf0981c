#include "client/command/table.h"

#include <algorithm>
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

// Takes from the widest column, again and again, until the table fits or no column may shrink any
// more.
void Shrink(std::vector<size_t>& widths, const std::vector<size_t>& least, size_t width_max) {
  while (TotalWidth(widths) > width_max) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] <= least[i]) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

}  // namespace

std::vector<size_t> FitWidths(const std::vector<Column>& columns, std::vector<size_t> widths,
                              std::optional<size_t> width_max) {
  if (!width_max.has_value()) return widths;
  std::vector<size_t> natural = widths;
  std::vector<size_t> least;
  std::vector<size_t> hardly_any;
  for (size_t i = 0; i < columns.size(); ++i) {
    least.push_back(columns[i].number ? natural[i] : columns[i].width_min);
    hardly_any.push_back(columns[i].number ? natural[i] : 1);
  }
  Shrink(widths, least, *width_max);
  for (size_t i = columns.size(); i-- > 0 && TotalWidth(widths) > *width_max;) {
    if (!columns[i].optional) continue;
    // The others get the room back.
    natural[i] = 0;
    widths = natural;
    Shrink(widths, least, *width_max);
  }
  // A terminal for which even that is too wide: a little of each.
  Shrink(widths, hardly_any, *width_max);
  return widths;
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
    const bool cut = width_max_.has_value() && !columns_[i].number;
    const std::string cell = cut ? CutToWidth(row[i], widths_[i]) : row[i];
    const size_t width = DisplayWidth(cell);
    const size_t padding = width < widths_[i] ? widths_[i] - width : 0;
    if (columns_[i].number) line.append(padding, ' ');
    line += cell;
    if (!columns_[i].number) line.append(padding, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace tributary::command
