#pragma once

#include <memory>
#include <utility>

#include "server/filter/filter.h"
#include "server/watch/change_filter.h"

namespace tributary {

// A compiled filter, as a watch asks it.
class WatchFilter final : public ChangeFilter {
 public:
  explicit WatchFilter(std::shared_ptr<const Filter> filter) : filter_(std::move(filter)) {}

  bool is_event() const override { return filter_->is_event(); }
  bool Matches(const Record& record) const override { return filter_->Matches(record); }
  Truth MatchesChange(const Change& change, bool before_known) const override {
    switch (filter_->MatchesChange(change, before_known)) {
      case Filter::Truth::kYes:
        return Truth::kYes;
      case Filter::Truth::kMaybe:
        return Truth::kMaybe;
      case Filter::Truth::kNo:
        break;
    }
    return Truth::kNo;
  }

 private:
  const std::shared_ptr<const Filter> filter_;
};

}  // namespace tributary
