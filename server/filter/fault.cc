#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/base/strings.h"
#include "server/filter/syntax.h"

namespace tributary::filter {
namespace {

constexpr size_t kNearestMax = 3;

// The fewest insertions, deletions and replacements that make `a` of `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

absl::Status Fault(std::string_view text, size_t at, std::string_view token,
                   std::string_view rule) {
  const std::string_view before = text.substr(0, at);
  // Characters, not bytes: whoever counts in an editor counts those.
  const auto position = 1 + std::count_if(before.begin(), before.end(), [](char c) {
                          return (static_cast<uint8_t>(c) & 0xC0) != 0x80;
                        });
  const std::string what = token.empty() ? "the end" : Clip(token);
  const std::string description =
      absl::StrCat("at character ", position, ", ", what, ": ", Absl(rule));
  ErrorDetail detail;
  detail.reason = reason::kFilterInvalid;
  detail.metadata.emplace_back("position", absl::StrCat(position));
  detail.metadata.emplace_back("token", std::string(CutUtf8(token, 128)));
  detail.violations.push_back({"filter", description});
  return MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat("filter: ", description),
                   std::move(detail));
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return "";  // no name is as long
  const std::string lower = absl::AsciiStrToLower(Absl(word));
  // More changes than a third of the word make another word.
  const size_t distance_max = word.size() / 3 + 1;
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(lower, absl::AsciiStrToLower(candidate));
    if (distance <= distance_max) near.emplace_back(distance, candidate);
  }
  if (near.empty()) return "";
  std::sort(near.begin(), near.end());
  near.resize(std::min(near.size(), kNearestMax));
  const auto name = [](std::string* out, const auto& one) { absl::StrAppend(out, one.second); };
  return absl::StrCat(" (did you mean ", absl::StrJoin(near, " or ", name), "?)");
}

}  // namespace tributary::filter
