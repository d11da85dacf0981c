#include "server/watch/late_pages.h"

#include <algorithm>
#include <utility>

namespace tributary {
namespace {

constexpr size_t kPagesMax = 64;  // each call looks through all of them

// True if both read the same things of the log, wherever they stand.
bool ReadAlike(const ChangeQuery& a, const ChangeQuery& b) {
  return a.raw == b.raw && a.before == b.before && a.selection.owner_id == b.selection.owner_id &&
         a.selection.connector_id == b.selection.connector_id &&
         a.selection.models == b.selection.models;
}

}  // namespace

void LatePages::Join() {
  MutexLock lock(mutex_);
  ++readers_;
}

void LatePages::Leave() {
  std::deque<Page> unused;
  MutexLock lock(mutex_);
  if (--readers_ > 0) return;
  unused.swap(pages_);
  bytes_ = 0;
}

bool LatePages::HasFewReaders() const {
  MutexLock lock(mutex_);
  return readers_ <= limits::kReadersAheadMax;
}

std::optional<ChangeRuns> LatePages::Find(const ChangeQuery& query) const {
  MutexLock lock(mutex_);
  for (const Page& page : pages_) {
    if (query.after < page.query.after || query.after >= page.read.through ||
        page.read.through > *query.through || !ReadAlike(page.query, query)) {
      continue;
    }
    ChangeRuns rest = page.read;
    if (page.block == nullptr) return rest;
    const auto changes = page.block->changes();
    const auto first = std::upper_bound(
        changes.begin(), changes.end(), query.after,
        [](Revision after, const ChangePtr& change) { return after < change->revision; });
    if (first != changes.end()) {
      rest.runs.push_back({page.block, static_cast<uint32_t>(first - changes.begin()),
                           static_cast<uint32_t>(changes.end() - first)});
    }
    return rest;
  }
  return std::nullopt;
}

void LatePages::Keep(const ChangeQuery& query, const ChangeRuns& page) {
  {
    MutexLock lock(mutex_);
    if (readers_ < 2) return;
  }
  Page kept{query, page, page.runs.empty() ? nullptr : page.runs.front().block, 0};
  kept.read.runs.clear();
  kept.read.head = 0;
  if (kept.block != nullptr) {
    // The change, and its encoding.
    for (const ChangePtr& change : kept.block->changes()) kept.bytes += 2 * change->Bytes();
  }
  MutexLock lock(mutex_);
  if (readers_ < 2) return;  // the others have left meanwhile
  bytes_ += kept.bytes;
  pages_.push_front(std::move(kept));
  while (bytes_ > bytes_max_ || pages_.size() > kPagesMax) {
    bytes_ -= pages_.back().bytes;
    pages_.pop_back();
  }
}

}  // namespace tributary
