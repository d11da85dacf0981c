#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tributary {
inline namespace client {

// One page of a List.
template <typename Item>
struct ItemPage {
  std::vector<Item> items;      // maybe none, also before the end
  std::string next_page_token;  // empty at the end
  int64_t revision = 0;         // the same on every page
};

// All items of a List, fetched page by page as the iteration goes:
//
//   auto deals = client.List();
//   for (const Opportunity& deal : deals) { … }
//   if (!deals.status().ok()) { … what was seen is not all … }
//
// A range is run through once. Not thread-safe.
template <typename Item>
class PagedRange {
 public:
  using Fetch = std::function<absl::StatusOr<ItemPage<Item>>(const std::string& page_token)>;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Item;
    using difference_type = std::ptrdiff_t;
    using pointer = const Item*;
    using reference = const Item&;

    Iterator() = default;
    explicit Iterator(PagedRange* range) : range_(range) {}

    reference operator*() const { return range_->page_.items[range_->index_]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (!range_->Advance()) range_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.range_ == b.range_; }

   private:
    PagedRange* range_ = nullptr;  // null at the end
  };

  explicit PagedRange(Fetch fetch) : fetch_(std::move(fetch)) {}

  // Fetches the first page; a second call goes on where the first iteration stopped.
  Iterator begin() {
    if (!started_) {
      started_ = true;
      return FetchUntilItems("") ? Iterator(this) : Iterator();
    }
    return index_ < page_.items.size() ? Iterator(this) : Iterator();
  }
  Iterator end() { return Iterator(); }

  // OK until a page could not be fetched, which ends the iteration.
  const absl::Status& status() const { return status_; }

  // The revision of the store that the list shows: Watch(after_revision) goes on from here without
  // a gap. 0 before begin().
  int64_t revision() const { return page_.revision; }

 private:
  bool Advance() {
    if (++index_ < page_.items.size()) return true;
    return !page_.next_page_token.empty() && FetchUntilItems(page_.next_page_token);
  }

  bool FetchUntilItems(std::string page_token) {
    do {
      absl::StatusOr<ItemPage<Item>> page = fetch_(page_token);
      index_ = 0;
      if (!page.ok()) {
        status_ = page.status();
        page_.items.clear();
        page_.next_page_token.clear();
        return false;
      }
      page_ = *std::move(page);
      page_token = page_.next_page_token;
    } while (page_.items.empty() && !page_token.empty());
    return !page_.items.empty();
  }

  const Fetch fetch_;
  bool started_ = false;
  ItemPage<Item> page_;
  size_t index_ = 0;
  absl::Status status_;
};

}  // namespace client
}  // namespace tributary
