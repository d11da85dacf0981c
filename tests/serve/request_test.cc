#include "server/serve/request.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary {
namespace {

using crm::v1::BatchGetOpportunitiesRequest;
using crm::v1::GetOpportunityRequest;
using crm::v1::ListOpportunitiesRequest;
using crm::v1::WatchOpportunitiesRequest;
using ::testing::ElementsAre;
using testing::IsOk;
using testing::StatusIs;

// Over slices of `slice_bytes` each, as a transport may cut it.
grpc::ByteBuffer Bytes(const std::string& bytes, size_t slice_bytes = SIZE_MAX) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += slices.back().size()) {
    slices.emplace_back(bytes.substr(at, slice_bytes));
  }
  return {slices.data(), slices.size()};
}

template <typename Message>
absl::StatusOr<Request> Read(const Message& message) {
  return RequestReader(*Message::descriptor()).Read(Bytes(message.SerializeAsString()));
}

TEST(RequestReader, ReadsWhatAGeneratedClientWrites) {
  WatchOpportunitiesRequest sent;
  sent.set_connector_id("hubspot");
  sent.set_owner_id("acme \xc3\xa9");
  sent.set_view(v1::VIEW_FULL);
  sent.set_start(v1::WATCH_START_BEGINNING);
  sent.set_resume_token("token");
  sent.set_after_revision(0);
  sent.mutable_heartbeat_interval()->set_seconds(2);
  sent.mutable_heartbeat_interval()->set_nanos(500'000'000);
  sent.set_include_previous(true);
  sent.set_stop_at_head(true);
  const std::string bytes = sent.SerializeAsString();
  for (const size_t slice_bytes : {bytes.size(), size_t{1}, size_t{7}}) {
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(
        const Request read,
        RequestReader(*WatchOpportunitiesRequest::descriptor()).Read(Bytes(bytes, slice_bytes)));
    EXPECT_EQ(read.connector_id, "hubspot");
    EXPECT_EQ(read.owner_id, "acme \xc3\xa9");
    EXPECT_EQ(read.view, View::kFull);
    EXPECT_EQ(read.start, WatchStart::kBeginning);
    EXPECT_EQ(read.resume_token, "token");
    EXPECT_EQ(read.after_revision, 0);
    EXPECT_EQ(read.heartbeat_ms, 2'500);
    EXPECT_TRUE(read.include_previous);
    EXPECT_TRUE(read.stop_at_head);
  }
}

TEST(RequestReader, ReadsTheSameNumberAsTheFieldThatTheMethodHasThere) {
  GetOpportunityRequest get;
  get.set_connector_id("c");
  get.set_owner_id("o");
  get.set_id("311");
  EXPECT_EQ(Read(get)->id, "311");
  BatchGetOpportunitiesRequest batch;
  batch.set_connector_id("c");
  batch.set_owner_id("o");
  batch.add_ids("a");
  batch.add_ids("b");
  EXPECT_THAT(Read(batch)->ids, ElementsAre("a", "b"));
  ListOpportunitiesRequest list;
  list.set_filter("f");
  EXPECT_EQ(Read(list)->filter, "f");
  WatchOpportunitiesRequest watch;
  watch.set_filter("g");
  EXPECT_EQ(Read(watch)->filter, "g");
}

TEST(RequestReader, LeavesDefaultsWhereNothingIsSent) {
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Request list, Read(ListOpportunitiesRequest()));
  EXPECT_EQ(list.page_size, 100);
  EXPECT_EQ(list.view, View::kBasic);
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Request watch, Read(WatchOpportunitiesRequest()));
  EXPECT_EQ(watch.start, WatchStart::kSnapshot);
  EXPECT_FALSE(watch.after_revision.has_value());
  EXPECT_EQ(watch.heartbeat_ms, 15'000);
}

TEST(RequestReader, LowersALargePageAndRefusesANegativeOne) {
  ListOpportunitiesRequest list;
  list.set_page_size(5'000);
  EXPECT_EQ(Read(list)->page_size, 1'000);
  list.set_page_size(-1);
  EXPECT_THAT(Read(list), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(RequestReader, RefusesNumbersThatAreNoValueOfAnEnum) {
  GetOpportunityRequest get;
  get.set_connector_id("c");
  get.set_owner_id("o");
  get.set_id("1");
  get.set_view(static_cast<v1::View>(3));
  EXPECT_THAT(Read(get), StatusIs(absl::StatusCode::kInvalidArgument));
  WatchOpportunitiesRequest watch;
  watch.set_start(static_cast<v1::WatchStart>(4));
  EXPECT_THAT(Read(watch), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(RequestReader, ReadsWhichRevisionAndWhichReferencesAreWanted) {
  ListOpportunitiesRequest list;
  EXPECT_EQ(Read(list)->read_revision, std::nullopt);
  list.set_read_revision(7);
  list.add_expand("stage");
  list.add_expand("owner");
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const Request read, Read(list));
  EXPECT_EQ(read.read_revision, 7);
  EXPECT_THAT(read.expand, ElementsAre("stage", "owner"));
  list.set_read_revision(0);
  EXPECT_THAT(Read(list), StatusIs(absl::StatusCode::kInvalidArgument));
}

// Whatever the bytes are, the reader takes exactly those that the generated class takes.
TEST(RequestReader, AgreesWithTheGeneratedClassOnWhatIsWellFormed) {
  GetOpportunityRequest get;
  get.set_connector_id("c");
  get.set_owner_id("o");
  get.set_id("311");
  const std::string good = get.SerializeAsString();
  std::vector<std::string> cases = {
      good + "\x28\x05",          // an unknown number
      good + "\x2a\x03xyz",       // an unknown string
      good + "\x22\x01z",         // `view` as a string: of another type, so unknown
      good + "\x1a\x01z",         // the id again: the last one holds
      good + "\x1a\x7f",          // announced longer than it is
      good + "\x1a\x02\xff\xfe",  // no UTF-8
      good + std::string(1, '\0'), good + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
  };
  for (size_t cut = 0; cut < good.size(); ++cut) cases.push_back(good.substr(0, cut));
  const RequestReader reader(*GetOpportunityRequest::descriptor());
  for (const std::string& bytes : cases) {
    GetOpportunityRequest generated;
    const bool parses = generated.ParseFromString(bytes);
    const absl::StatusOr<Request> read = reader.Read(Bytes(bytes));
    const bool malformed =
        !read.ok() && read.status().message().find("not a well-formed") != absl::string_view::npos;
    EXPECT_EQ(malformed, !parses) << ::testing::PrintToString(bytes);
    if (read.ok()) {
      EXPECT_EQ(read->id, generated.id());
    }
  }
}

}  // namespace
}  // namespace tributary
