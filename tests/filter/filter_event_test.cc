// What a filter of a Watch says of a change.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/filter/records.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary::testing {
namespace {

using crm::v1::Opportunity;
using Truth = Filter::Truth;
using enum Filter::Truth;

constexpr char kFrame[] = "connector_id: 'hubspot' owner_id: 'acme' id: 'o1' ";

Change ChangeOf(ChangeKind kind, const std::optional<std::string>& before,
                const std::string& after) {
  Change change;
  change.kind = kind;
  change.revision = 9;
  const Record state = RecordOf<Opportunity>(kFrame + after, "crmOpportunity");
  change.key = state.key;
  if (kind != ChangeKind::kDeleted) change.state = state.state;
  if (before.has_value()) {
    change.before =
        std::make_shared<Record>(RecordOf<Opportunity>(kFrame + *before, "crmOpportunity", 4));
  }
  return change;
}

struct Case {
  std::string filter;
  Truth truth;
};

void Check(const Change& change, const std::vector<Case>& cases, bool before_known = true) {
  for (const Case& one : cases) {
    const auto filter = MustCompile<Opportunity>(one.filter, Filter::Use::kWatch);
    EXPECT_EQ(filter->MatchesChange(change, before_known), one.truth) << one.filter;
    const auto negated = MustCompile<Opportunity>("NOT (" + one.filter + ")", Filter::Use::kWatch);
    EXPECT_EQ(negated->MatchesChange(change, before_known), one.truth == kMaybe ? kMaybe
                                                            : one.truth == kYes ? kNo
                                                                                : kYes)
        << "NOT " << one.filter;
  }
}

TEST(FilterEvent, IsWhatSpeaksOfTransitions) {
  const auto is_event = [](const std::string& text) {
    return MustCompile<Opportunity>(text, Filter::Use::kWatch)->is_event();
  };
  EXPECT_TRUE(is_event("changed(stage)"));
  EXPECT_TRUE(is_event("amount > 1 OR NOT previous.amount > 1"));
  EXPECT_FALSE(is_event("stage = previous"));
  EXPECT_FALSE(is_event("custom_fields.previous = 1"));
  EXPECT_FALSE(is_event(""));
}

TEST(FilterEvent, AnUpdateIsComparedWithWhatItReplaced) {
  const Change change = ChangeOf(
      ChangeKind::kUpdated,
      "fields { name: 'a' amount: 5000 stage { id: 's1' } contacts { id: 'c1' } } "
      "custom_fields { key: 'region' value { string_value: 'EU' } } updated_at { seconds: 1 }",
      "fields { name: 'a' amount: 20000 stage { id: 'won' } contacts { id: 'c1' } "
      "         contacts { id: 'c2' } currency: 'EUR' } "
      "custom_fields { key: 'region' value { string_value: 'US' } } updated_at { seconds: 2 }");
  Check(change, {
                    {"changed(stage) AND stage = \"won\"", kYes},
                    {"changed(stage) AND stage = s1", kNo},
                    {"previous.stage = s1", kYes},
                    {"previous.amount < 10000 AND amount >= 10000", kYes},
                    {"previous.amount >= 10000", kNo},
                    {"previous.fields.amount:*", kYes},
                    {"changed(name)", kNo},
                    {"changed(fields.amount)", kYes},
                    {"changed(fields)", kYes},
                    {"changed(contacts)", kYes},
                    {"changed(currency)", kYes},
                    {"previous.currency:*", kNo},
                    {"previous.currency != EUR", kYes},
                    {"changed(custom_fields.region)", kYes},
                    {"changed(custom_fields.size)", kNo},
                    {"previous.custom_fields.region = EU", kYes},
                    {"changed(custom_fields)", kYes},
                    {"changed(updatedAt)", kYes},
                    {"changed(created_at)", kNo},
                    {"changed(remote_id)", kNo},
                    {"changed(stage.id)", kYes},
                    {"changed(stage.remote_id)", kNo},
                    {"previous.revision = 4 AND revision = 9", kYes},
                    {"previous.id = o1", kYes},
                });
}

TEST(FilterEvent, ACreatedResourceHadNothingBefore) {
  const Change change =
      ChangeOf(ChangeKind::kCreated, std::nullopt, "fields { amount: 0 stage { id: 'won' } }");
  Check(change, {
                    {"changed(stage)", kYes},
                    {"changed(amount)", kYes},
                    {"changed(name)", kNo},
                    {"previous.stage = won", kNo},
                    {"previous.stage != won", kYes},
                    {"previous.id:*", kNo},
                    {"previous.amount:* OR stage = won", kYes},
                });
}

TEST(FilterEvent, ADeletedOneIsItsLastStateAndHasNotChanged) {
  const Change change = ChangeOf(ChangeKind::kDeleted, "fields { stage { id: 'won' } }", "");
  Check(change, {
                    {"stage = won", kYes},
                    {"changed(stage)", kNo},
                    {"previous.stage = won", kYes},
                    {"stage = s1", kNo},
                    {"id = o1 AND owner_id = acme", kYes},
                });
}

TEST(FilterEvent, WhatHistoryHasPassedIsUnknown) {
  const Change update =
      ChangeOf(ChangeKind::kUpdated, std::nullopt, "fields { stage { id: 'won' } }");
  const std::vector<Case> cases = {
      {"changed(stage)", kMaybe},
      {"changed(stage) AND stage = won", kMaybe},
      {"changed(stage) AND stage = s1", kNo},
      {"changed(stage) OR stage = won", kYes},
      {"previous.stage = s1", kMaybe},
      {"previous.stage:* stage = s2", kNo},
      {"stage = won", kYes},
  };
  Check(update, cases, true);
  Check(update, cases, false);
  // Known, but not what the watcher had before.
  const Change coalesced = ChangeOf(ChangeKind::kUpdated, "fields { stage { id: 's1' } }",
                                    "fields { stage { id: 'won' } }");
  Check(coalesced, cases, false);
  Check(ChangeOf(ChangeKind::kCreated, std::nullopt, "fields { stage { id: 'won' } }"), cases,
        false);
  Check(ChangeOf(ChangeKind::kDeleted, std::nullopt, ""),
        {{"stage = won", kMaybe},
         {"changed(stage)", kNo},
         {"previous.stage = won", kMaybe},
         {"id = o1", kYes},
         {"owner_id = globex AND stage = won", kNo},
         {"revision = 9", kMaybe}});
}

}  // namespace
}  // namespace tributary::testing
