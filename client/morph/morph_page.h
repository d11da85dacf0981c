#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tributary {
inline namespace client {

// One entry of a list.
struct MorphItem {
  std::string json;  // as received, to the byte
  std::string id;    // a number as its digits; empty: it has none that can be read
};

// One page of a list.
struct MorphPage {
  std::vector<MorphItem> items;
  std::string next;    // the cursor of the next page; empty: this is the last
  absl::Time read_at;  // no later than the source looked: when it was asked for, by the clock here
};

// Reads `{"data": […], "next": "…" | null}`; `read_at` is left to the caller. DATA_LOSS: that is
// not what it is.
absl::StatusOr<MorphPage> ParseMorphPage(std::string body);

// What an answer says that is an error: `{"error": "CODE", "message": "…"}`, or the same nested in
// `error`. Empty where it says nothing of the kind.
struct MorphProblem {
  std::string code;
  std::string message;
};
MorphProblem ParseMorphProblem(std::string_view body);

}  // namespace client
}  // namespace tributary
