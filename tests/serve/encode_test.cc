#include "server/serve/encode.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "gtest/gtest.h"
#include "server/base/wire.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary {
namespace {

using crm::v1::Opportunity;
using crm::v1::OpportunityChange;
using crm::v1::WatchOpportunitiesResponse;
using google::protobuf::util::MessageDifferencer;
using google::protobuf::util::TimeUtil;

Opportunity Deal(const std::string& name) {
  Opportunity deal;
  deal.set_connector_id("hubspot");
  deal.set_owner_id("acme");
  deal.set_id("311");
  deal.mutable_fields()->set_name(name);
  deal.mutable_fields()->set_amount(0);
  (*deal.mutable_custom_fields())["region"].set_string_value("EU");
  deal.set_remote_id("r");
  return deal;
}

Record Stored(const Opportunity& deal, Revision revision) {
  Record record;
  record.key = {"crmOpportunity", deal.connector_id(), deal.owner_id(), deal.id()};
  record.revision = revision;
  record.state = deal.SerializeAsString();
  record.raw = "\x1a\x03raw";  // google.protobuf.Value{string_value: "raw"}
  return record;
}

// What a client reads in the view.
Opportunity Served(Opportunity deal, Revision revision, View view) {
  deal.set_revision(revision);
  if (view == View::kFull) deal.mutable_raw_resource()->set_string_value("raw");
  return deal;
}

template <typename Message>
Message Parsed(const std::string& bytes) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

class EveryView : public ::testing::TestWithParam<View> {};
INSTANTIATE_TEST_SUITE_P(Views, EveryView, ::testing::Values(View::kBasic, View::kFull));

TEST_P(EveryView, StoredBytesReadAsTheTypedResource) {
  const Opportunity deal = Deal("Fleet");
  const Record record = Stored(deal, 300);
  const std::string bytes = EncodeResource(record, GetParam());
  EXPECT_EQ(bytes.size(), ResourceBytes(record, GetParam()));
  EXPECT_TRUE(
      MessageDifferencer::Equals(Parsed<Opportunity>(bytes), Served(deal, 300, GetParam())));
}

TEST_P(EveryView, AChangeReadsAsTheTypedChange) {
  const Opportunity before = Deal("Fleet");
  const Opportunity after = Deal("Fleet 2");
  Change change;
  change.revision = 301;
  change.kind = ChangeKind::kUpdated;
  change.key = Stored(after, 0).key;
  change.state = after.SerializeAsString();
  change.raw = Stored(after, 0).raw;
  change.before = std::make_shared<Record>(Stored(before, 300));
  wire::AppendBytes(change.changed_fields, 5, "fields.name");
  change.committed_us = 1'700'000'000'123'456;
  change.received_us = 1'700'000'000'000'001;
  change.delivery = 17;

  OpportunityChange expected;
  expected.set_type(v1::CHANGE_TYPE_UPDATED);
  expected.set_revision(301);
  *expected.mutable_resource() = Served(after, 301, GetParam());
  expected.add_changed_fields("fields.name");
  *expected.mutable_committed_at() = TimeUtil::MicrosecondsToTimestamp(change.committed_us);
  *expected.mutable_received_at() = TimeUtil::MicrosecondsToTimestamp(change.received_us);
  expected.set_delivery_id("17");
  std::string without;
  AppendChange(without, change, {GetParam(), /*include_previous=*/false});
  const auto read = Parsed<WatchOpportunitiesResponse>(without);
  ASSERT_EQ(read.changes_size(), 1);
  EXPECT_TRUE(MessageDifferencer::Equals(read.changes(0), expected)) << read.DebugString();

  *expected.mutable_previous() = Served(before, 300, GetParam());
  std::string with;
  AppendChange(with, change, {GetParam(), /*include_previous=*/true});
  const auto read_with = Parsed<WatchOpportunitiesResponse>(with);
  EXPECT_TRUE(MessageDifferencer::Equals(read_with.changes(0), expected))
      << read_with.DebugString();
}

TEST(Encode, ADeletionCarriesTheLastStateUnderItsOwnRevision) {
  Change change;
  change.revision = 302;
  change.kind = ChangeKind::kDeleted;
  change.key = Stored(Deal("Fleet"), 0).key;
  change.before = std::make_shared<Record>(Stored(Deal("Fleet"), 300));
  std::string bytes;
  AppendChange(bytes, change, {View::kBasic, true});
  const auto read = Parsed<WatchOpportunitiesResponse>(bytes);
  EXPECT_EQ(read.changes(0).type(), v1::CHANGE_TYPE_DELETED);
  EXPECT_EQ(read.changes(0).revision(), 302);
  EXPECT_TRUE(MessageDifferencer::Equals(read.changes(0).resource(),
                                         Served(Deal("Fleet"), 300, View::kBasic)));
  EXPECT_FALSE(read.changes(0).has_previous());
}

TEST(Encode, ADeletionNamesItsKeyEvenIfTheLastStateIsGone) {
  Change change;
  change.revision = 302;
  change.kind = ChangeKind::kDeleted;
  change.key = {"crmOpportunity", "hubspot", "acme", "311"};
  std::string bytes;
  AppendChange(bytes, change, {View::kBasic, true});
  const auto read = Parsed<WatchOpportunitiesResponse>(bytes);
  EXPECT_EQ(read.changes(0).resource().id(), "311");
  EXPECT_EQ(read.changes(0).resource().owner_id(), "acme");
}

TEST(Encode, ACoalescedChangeSaysNothingOfWhatWasBefore) {
  Change change;
  change.revision = 301;
  change.kind = ChangeKind::kUpdated;
  change.key = Stored(Deal("Fleet"), 0).key;
  change.state = Deal("Fleet 2").SerializeAsString();
  change.before = std::make_shared<Record>(Stored(Deal("Fleet"), 300));
  wire::AppendBytes(change.changed_fields, 5, "fields.name");
  std::string bytes;
  AppendChange(bytes, change, {ChangeType::kEntered, true}, {View::kBasic, true});
  const auto read = Parsed<WatchOpportunitiesResponse>(bytes).changes(0);
  EXPECT_EQ(read.type(), v1::CHANGE_TYPE_ENTERED);
  EXPECT_TRUE(read.coalesced());
  EXPECT_FALSE(read.has_previous());
  EXPECT_EQ(read.changed_fields_size(), 0);
  EXPECT_EQ(read.resource().fields().name(), "Fleet 2");
}

TEST(Encode, WhatLeavesTheFilterComesWithBothStates) {
  Change change;
  change.revision = 301;
  change.kind = ChangeKind::kUpdated;
  change.key = Stored(Deal("Fleet"), 0).key;
  change.state = Deal("Fleet 2").SerializeAsString();
  change.before = std::make_shared<Record>(Stored(Deal("Fleet"), 300));
  wire::AppendBytes(change.changed_fields, 5, "fields.name");
  std::string bytes;
  AppendChange(bytes, change, {ChangeType::kLeft, false}, {View::kBasic, true});
  const auto read = Parsed<WatchOpportunitiesResponse>(bytes).changes(0);
  EXPECT_EQ(read.type(), v1::CHANGE_TYPE_LEFT);
  EXPECT_FALSE(read.coalesced());
  EXPECT_EQ(read.resource().fields().name(), "Fleet 2");
  EXPECT_EQ(read.previous().fields().name(), "Fleet");
  EXPECT_EQ(read.changed_fields(0), "fields.name");
}

TEST(Encode, ATombstoneOverATombstoneIsADeletionByItsKey) {
  Change change;
  change.revision = 302;
  change.kind = ChangeKind::kHidden;
  change.key = {"crmOpportunity", "hubspot", "acme", "311"};
  std::string bytes;
  AppendChange(bytes, change, {ChangeType::kDeleted, true}, {});
  const auto read = Parsed<WatchOpportunitiesResponse>(bytes).changes(0);
  EXPECT_EQ(read.type(), v1::CHANGE_TYPE_DELETED);
  EXPECT_EQ(read.resource().id(), "311");
}

TEST(Encode, PreviousIsLeftOutWhereTheChangeWouldBecomeTooLarge) {
  Opportunity large = Deal(std::string(1'000'000, 'x'));
  Change change;
  change.revision = 2;
  change.kind = ChangeKind::kUpdated;
  change.key = Stored(large, 0).key;
  change.state = large.SerializeAsString();
  change.raw.assign(1'200'000, 'r');
  auto before = std::make_shared<Record>(Stored(large, 1));
  before->raw.assign(1'200'000, 'r');
  change.before = before;
  std::string full;
  AppendChange(full, change, {View::kFull, true});
  EXPECT_LT(full.size(), 3u * 1024 * 1024);
  std::string basic;
  AppendChange(basic, change, {View::kBasic, true});
  EXPECT_TRUE(Parsed<WatchOpportunitiesResponse>(basic).changes(0).has_previous());
}

}  // namespace
}  // namespace tributary
