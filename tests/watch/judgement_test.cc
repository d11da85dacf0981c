#include "server/watch/judgement.h"

#include <optional>
#include <ostream>
#include <string>

#include "gtest/gtest.h"

namespace tributary {

void PrintTo(const Telling& telling, std::ostream* out) {
  *out << static_cast<int>(telling.type) << (telling.coalesced ? ", coalesced" : "");
}

namespace {

// States that begin with "y" match. As an event filter: those that begin to match, which is not
// known where the state before is not.
class YesFilter final : public ChangeFilter {
 public:
  explicit YesFilter(bool is_event) : is_event_(is_event) {}
  bool is_event() const override { return is_event_; }
  bool Matches(const Record& record) const override { return record.state.starts_with("y"); }
  Truth MatchesChange(const Change& change, bool before_known) const override {
    if (!change.state.starts_with("y")) return Truth::kNo;
    if (!is_event_) return Truth::kYes;
    if (!before_known) return Truth::kMaybe;
    return change.before != nullptr && Matches(*change.before) ? Truth::kNo : Truth::kYes;
  }

 private:
  const bool is_event_;
};

enum class Filter { kNone, kState, kEvent };
constexpr const char* kGone = nullptr;

struct Case {
  const char* name;
  Filter filter;
  ChangeKind kind;
  const char* before;  // kGone: history has passed it, or there was none
  const char* after;
  bool coalesced;
  std::optional<Telling> told;
};

constexpr auto kCreated = ChangeKind::kCreated;
constexpr auto kUpdated = ChangeKind::kUpdated;
constexpr auto kDeleted = ChangeKind::kDeleted;
constexpr auto kHidden = ChangeKind::kHidden;

const Case kCases[] = {
    {"Created", Filter::kNone, kCreated, kGone, "n", false, Telling{ChangeType::kCreated}},
    {"Updated", Filter::kNone, kUpdated, "n", "y", false, Telling{ChangeType::kUpdated}},
    {"Deleted", Filter::kNone, kDeleted, "n", "", false, Telling{ChangeType::kDeleted}},
    {"Hidden", Filter::kNone, kHidden, kGone, "", false, std::nullopt},
    {"PutsBelowTheFloor", Filter::kNone, kUpdated, kGone, "n", true,
     Telling{ChangeType::kUpdated, true}},
    {"RemovesBelowTheFloor", Filter::kNone, kDeleted, kGone, "", true,
     Telling{ChangeType::kDeleted, true}},
    {"ATombstoneOverATombstoneBelowTheFloorMayBeAllThatIsLeft", Filter::kNone, kHidden, kGone, "",
     true, Telling{ChangeType::kDeleted, true}},

    {"NoToNo", Filter::kState, kUpdated, "n", "n2", false, std::nullopt},
    {"CreatedOutside", Filter::kState, kCreated, kGone, "n", false, std::nullopt},
    {"CreatedInside", Filter::kState, kCreated, kGone, "y", false, Telling{ChangeType::kCreated}},
    {"Enters", Filter::kState, kUpdated, "n", "y", false, Telling{ChangeType::kEntered}},
    {"Stays", Filter::kState, kUpdated, "y", "y2", false, Telling{ChangeType::kUpdated}},
    {"Leaves", Filter::kState, kUpdated, "y", "n", false, Telling{ChangeType::kLeft}},
    {"DeletedInside", Filter::kState, kDeleted, "y", "", false, Telling{ChangeType::kDeleted}},
    {"DeletedOutside", Filter::kState, kDeleted, "n", "", false, std::nullopt},
    {"IsPutBelowTheFloor", Filter::kState, kUpdated, "n", "y", true,
     Telling{ChangeType::kEntered, true}},
    {"IsRemovedBelowTheFloorThoughItNeverMatched", Filter::kState, kUpdated, "n", "n2", true,
     Telling{ChangeType::kLeft, true}},
    {"IsRemovedWhereWhatWasBeforeIsGone", Filter::kState, kUpdated, kGone, "n", false,
     Telling{ChangeType::kLeft, true}},
    {"IsRemovedBelowTheFloorIfDeleted", Filter::kState, kDeleted, kGone, "", true,
     Telling{ChangeType::kDeleted, true}},

    {"EventHappens", Filter::kEvent, kUpdated, "n", "y", false, Telling{ChangeType::kUpdated}},
    {"EventDoesNotHappen", Filter::kEvent, kUpdated, "y", "y2", false, std::nullopt},
    {"EventOnCreation", Filter::kEvent, kCreated, kGone, "y", false, Telling{ChangeType::kCreated}},
    {"EventMayHaveHappened", Filter::kEvent, kUpdated, kGone, "y", false,
     Telling{ChangeType::kUpdated, true}},
    {"EventCannotHaveHappened", Filter::kEvent, kUpdated, kGone, "n", true, std::nullopt},
    {"ATombstoneOverATombstoneIsNoEvent", Filter::kEvent, kHidden, kGone, "", true, std::nullopt},
};

class EveryCase : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Judgement, EveryCase, ::testing::ValuesIn(kCases),
                         [](const auto& cases) { return cases.param.name; });

TEST_P(EveryCase, IsTold) {
  const Case& with = GetParam();
  Change change;
  change.revision = 7;
  change.prev = 5;
  change.kind = with.kind;
  change.state = with.after;
  if (with.before != kGone) {
    auto before = std::make_shared<Record>();
    before->state = with.before;
    change.before = before;
  }
  const YesFilter filter(with.filter == Filter::kEvent);
  EXPECT_EQ(Judge(change, with.filter == Filter::kNone ? nullptr : &filter, with.coalesced),
            with.told);
}

TEST(Judgement, ATombstoneOfWhatWasNeverThereReachesNobody) {
  Change change;
  change.kind = kHidden;
  EXPECT_EQ(Judge(change, nullptr, true), std::nullopt);
}

}  // namespace
}  // namespace tributary
