#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::command {

struct Column {
  std::string title{};
  // How narrow it may become when the table does not fit.
  size_t width_min = 8;
  // Left out if the table does not fit otherwise: the last such column first.
  bool optional = false;
  // Stands at the right, and is never cut: half a number is a wrong number.
  bool number = false;
};

// Widths that make a table no wider than `width_max`: the widest columns shrink first, then columns
// are left out (0), then the rest shrink below their least. Numbers never do.
std::vector<size_t> FitWidths(const std::vector<Column>& columns, std::vector<size_t> widths,
                              std::optional<size_t> width_max);

// Rows in columns, for a person to read. The rows of the first Render decide the widths, for that
// is all there is to know when the first lines of a stream are to be shown. Not thread-safe.
class Table {
 public:
  // Without `width_max`, as when the output is a file, nothing is cut.
  Table(std::vector<Column> columns, std::optional<size_t> width_max)
      : columns_(std::move(columns)), width_max_(width_max) {}

  // One cell per column, each of any text.
  void Add(std::vector<std::string> row);

  // The lines of the rows since the last Render; before the very first row the titles.
  std::string Render();

 private:
  void Layout();
  std::string Line(const std::vector<std::string>& row) const;

  const std::vector<Column> columns_;
  const std::optional<size_t> width_max_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> widths_;  // empty until the first Render
};

}  // namespace tributary::command
