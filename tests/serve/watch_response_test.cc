#include "server/serve/watch_response.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/wire.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary {
namespace {

using crm::v1::Opportunity;
using crm::v1::WatchOpportunitiesResponse;
using ::testing::ElementsAre;

ChangePtr MakeChange(Revision revision, size_t note_bytes, ChangeKind kind = ChangeKind::kUpdated) {
  Opportunity deal;
  deal.set_connector_id("hubspot");
  deal.set_owner_id("acme");
  deal.set_id(std::to_string(revision));
  deal.mutable_fields()->set_name(std::string(note_bytes, 'n'));
  auto change = std::make_shared<Change>();
  change->revision = revision;
  change->kind = kind;
  change->key = {"crmOpportunity", "hubspot", "acme", deal.id()};
  change->state = deal.SerializeAsString();
  change->committed_us = 1'700'000'000'000'000 + revision;
  change->delivery = revision;
  auto before = std::make_shared<Record>();
  before->key = change->key;
  before->revision = std::max<Revision>(revision - 1, 1);
  before->state = change->state;
  change->before = before;
  return change;
}

BlockPtr MakeBlock(Revision first, size_t changes, size_t note_bytes) {
  std::vector<ChangePtr> all;
  for (size_t i = 0; i < changes; ++i) {
    all.push_back(MakeChange(first + static_cast<Revision>(i), note_bytes));
  }
  return std::make_shared<const ChangeBlock>(std::move(all));
}

grpc::ByteBuffer Respond(const std::vector<ChangeRun>& runs, ChangeFormat format = {}) {
  WatchResponse response(format);
  response.Add(runs);
  wire::AppendBytes(response.own(), 2, "token");
  return response.Finish();
}

std::vector<grpc::Slice> Slices(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  return slices;
}

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  for (const grpc::Slice& slice : Slices(buffer)) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

WatchOpportunitiesResponse Parsed(const grpc::ByteBuffer& buffer) {
  WatchOpportunitiesResponse response;
  EXPECT_TRUE(response.ParseFromString(Bytes(buffer)));
  EXPECT_EQ(response.resume_token(), "token");
  return response;
}

std::vector<Revision> Revisions(const grpc::ByteBuffer& buffer) {
  std::vector<Revision> revisions;
  const WatchOpportunitiesResponse response = Parsed(buffer);
  for (const auto& change : response.changes()) {
    EXPECT_EQ(change.resource().id(), std::to_string(change.revision()));
    revisions.push_back(change.revision());
  }
  return revisions;
}

class EverySize : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(OfAChange, EverySize, ::testing::Values(1, 700, 20'000));

TEST_P(EverySize, HoldsTheRunsOfEveryBlockInOrder) {
  const BlockPtr first = MakeBlock(1, 5, GetParam());
  const BlockPtr second = MakeBlock(6, 1, GetParam());
  EXPECT_THAT(Revisions(Respond({{first, 0, 5}, {second, 0, 1}})), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(Revisions(Respond({{first, 1, 2}, {first, 4, 1}, {second, 0, 1}})),
              ElementsAre(2, 3, 5, 6));
}

// A reader of a small share of a block encodes for itself: the bytes are the same.
TEST_P(EverySize, ReadsTheSameWhoeverEncoded) {
  const BlockPtr large = MakeBlock(1, 40, GetParam());
  std::string alone;
  AppendChange(alone, *large->changes()[7], ChangeFormat{});
  wire::AppendBytes(alone, 2, "token");
  EXPECT_EQ(Bytes(Respond({{large, 7, 1}})), alone);
  const std::string all = Bytes(Respond({{large, 0, 40}}));
  wire::Reader reader(all);
  for (int i = 0; i < 7; ++i) (void)reader.Next();
  EXPECT_EQ(std::string(reader.Next()->whole) + "\x12\x05token", alone);
}

TEST(WatchResponse, OneEncodingServesAllStreamsThatWantItAlike) {
  const BlockPtr block = MakeBlock(1, 30, 700);
  const auto first = Slices(Respond({{block, 0, 30}}));
  const auto second = Slices(Respond({{block, 0, 30}}));
  const auto part = Slices(Respond({{block, 10, 20}}));
  EXPECT_EQ(first.size(), 2u) << "the changes, and what is the stream's own";
  EXPECT_EQ(first[0].begin(), second[0].begin());
  EXPECT_EQ(part[0].end(), first[0].end());

  const auto with_previous = Respond({{block, 0, 30}}, {View::kBasic, true});
  EXPECT_NE(Slices(with_previous)[0].begin(), first[0].begin());
  EXPECT_TRUE(Parsed(with_previous).changes(0).has_previous());
}

TEST(WatchResponse, SmallChangesAreJoined) {
  std::vector<ChangeRun> runs;
  for (Revision revision = 1; revision <= 100; ++revision) {
    runs.push_back({MakeBlock(revision, 1, 10), 0, 1});
  }
  EXPECT_EQ(Slices(Respond(runs)).size(), 1u);
}

TEST(WatchResponse, ToldInAStreamsOwnWordsTheyStandAmongTheOthers) {
  const BlockPtr block = MakeBlock(1, 30, 700);
  const auto whole = Slices(Respond({{block, 0, 30}}));
  const Telling left{ChangeType::kLeft, false};
  const auto response = Respond({{block, 0, 10}, {block, 10, 2, left}, {block, 12, 18}});
  EXPECT_EQ(Revisions(response), Revisions(Respond({{block, 0, 30}})));
  EXPECT_EQ(Parsed(response).changes(9).type(), v1::CHANGE_TYPE_UPDATED);
  EXPECT_EQ(Parsed(response).changes(10).type(), v1::CHANGE_TYPE_LEFT);
  EXPECT_EQ(Parsed(response).changes(11).type(), v1::CHANGE_TYPE_LEFT);
  EXPECT_EQ(Slices(response)[0].begin(), whole[0].begin()) << "the rest is still shared";
}

TEST(WatchResponse, LeavesOutOfABlockWhatReachesNobody) {
  const auto block = std::make_shared<const ChangeBlock>(std::vector<ChangePtr>{
      MakeChange(1, 700), MakeChange(2, 700, ChangeKind::kHidden), MakeChange(3, 700)});
  EXPECT_THAT(Revisions(Respond({{block, 0, 1}, {block, 2, 1}})), ElementsAre(1, 3));
}

}  // namespace
}  // namespace tributary
