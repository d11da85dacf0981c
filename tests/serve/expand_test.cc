// References that are expanded, and reads at an older revision: of a whole server, over real
// sockets.

#include "server/serve/expand.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "tests/testing/test_server.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/crm/v1/stage.pb.h"
#include "tributary/generic/v1/contact.pb.h"
#include "tributary/telephony/v1/call_transcript.pb.h"

namespace tributary {
namespace {

using crm::v1::BatchGetOpportunitiesRequest;
using crm::v1::BatchGetOpportunitiesResponse;
using crm::v1::GetOpportunityRequest;
using crm::v1::ListOpportunitiesRequest;
using crm::v1::ListOpportunitiesResponse;
using crm::v1::Opportunity;
using crm::v1::Stage;
using generic::v1::Contact;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ReasonIn;
using testing::StatusIs;
using testing::TestServer;

constexpr char kGet[] = "/tributary.crm.v1.OpportunityService/GetOpportunity";
constexpr char kBatchGet[] = "/tributary.crm.v1.OpportunityService/BatchGetOpportunities";
constexpr char kList[] = "/tributary.crm.v1.OpportunityService/ListOpportunities";

class ExpandTest : public ::testing::Test {
 protected:
  static nlohmann::json Ref(const std::string& id) {
    return {{"object", "resourceRef"}, {"id", id}};
  }

  int64_t PutDeal(const std::string& id, const std::string& stage,
                  const std::vector<std::string>& contacts = {},
                  const std::string& owner = "acme") {
    nlohmann::json fields = {{"name", "Deal " + id}, {"stage", Ref(stage)}};
    for (const std::string& contact : contacts) fields["contacts"].push_back(Ref(contact));
    return server_.Put("crmOpportunity", id, fields, owner);
  }
  int64_t PutStage(const std::string& id, const std::string& name,
                   const std::string& owner = "acme") {
    return server_.Put("crmStage", id, {{"name", name}}, owner);
  }
  int64_t PutContact(const std::string& id, size_t note_bytes = 0) {
    return server_.Put("genericContact", id,
                       {{"firstName", "Ines"}, {"note", std::string(note_bytes, 'n')}});
  }

  static GetOpportunityRequest Named(const std::string& id,
                                     const std::vector<std::string>& expand = {}) {
    GetOpportunityRequest request;
    request.set_connector_id("hubspot");
    request.set_owner_id("acme");
    request.set_id(id);
    request.mutable_expand()->Assign(expand.begin(), expand.end());
    return request;
  }

  template <typename Response, typename Request>
  Response Ask(const char* path, const Request& request) {
    Response response;
    const grpc::Status status = testing::Call(*server_.channel(), path, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // The reason of the refusal, or what the answer was instead.
  template <typename Response, typename Request>
  std::string Refusal(const char* path, const Request& request, std::string* text = nullptr) {
    Response response;
    grpc::ClientContext context;
    const grpc::Status status =
        testing::Call(*server_.channel(), path, request, &response, &context);
    EXPECT_FALSE(status.ok()) << response.ShortDebugString();
    if (text != nullptr) *text = status.error_message() + status.error_details();
    return ReasonIn(context);
  }

  // The name of the stage that `deal` holds; "-" if it is a mere reference.
  static std::string StageIn(const Opportunity& deal) {
    Stage stage;
    if (!deal.fields().stage().resource().UnpackTo(&stage)) return "-";
    return stage.fields().name();
  }

  TestServer server_;
};

TEST_F(ExpandTest, PutsWhatIsThereIntoTheReferenceAndLeavesTheRestAsItIs) {
  PutStage("s1", "Won");
  PutContact("c1");
  PutDeal("d1", "s1", {"c1", "never came"});
  const auto plain = Ask<Opportunity>(kGet, Named("d1"));
  EXPECT_FALSE(plain.fields().stage().has_resource());
  auto deal = Ask<Opportunity>(kGet, Named("d1", {"stage", "fields.contacts"}));
  Stage stage;
  ASSERT_TRUE(deal.fields().stage().resource().UnpackTo(&stage));
  EXPECT_EQ(stage.id(), "s1");
  EXPECT_EQ(stage.fields().name(), "Won");
  EXPECT_EQ(stage.revision(), 1);
  ASSERT_EQ(deal.fields().contacts_size(), 2);
  EXPECT_TRUE(deal.fields().contacts(0).resource().Is<Contact>());
  EXPECT_EQ(deal.fields().contacts(1).id(), "never came");
  EXPECT_FALSE(deal.fields().contacts(1).has_resource());
  // Without what was put in, it is the very same.
  deal.mutable_fields()->mutable_stage()->clear_resource();
  deal.mutable_fields()->mutable_contacts(0)->clear_resource();
  EXPECT_EQ(deal.SerializeAsString(), plain.SerializeAsString());
}

TEST_F(ExpandTest, ShowsTheReferencedResourceAsOfTheSameRevision) {
  PutStage("s1", "old");
  const int64_t then = PutDeal("d1", "s1");
  PutStage("s1", "new");
  PutDeal("d1", "s2");
  PutStage("s2", "other");
  auto request = Named("d1", {"stage"});
  EXPECT_EQ(StageIn(Ask<Opportunity>(kGet, request)), "other");
  request.set_read_revision(then);
  EXPECT_EQ(StageIn(Ask<Opportunity>(kGet, request)), "old");
  BatchGetOpportunitiesRequest batch;
  batch.set_connector_id("hubspot");
  batch.set_owner_id("acme");
  batch.add_ids("d1");
  batch.add_expand("stage");
  batch.set_read_revision(then);
  const auto found = Ask<BatchGetOpportunitiesResponse>(kBatchGet, batch);
  EXPECT_EQ(found.revision(), then);
  EXPECT_EQ(StageIn(found.opportunities(0)), "old");
  ListOpportunitiesRequest list;
  list.add_expand("stage");
  list.set_read_revision(then);
  const auto page = Ask<ListOpportunitiesResponse>(kList, list);
  EXPECT_EQ(page.revision(), then);
  EXPECT_EQ(StageIn(page.opportunities(0)), "old");
  list.set_read_revision(then - 1);
  EXPECT_EQ(Ask<ListOpportunitiesResponse>(kList, list).opportunities_size(), 0);
}

TEST_F(ExpandTest, EveryPageOfAListAndEveryScopeIsExpandedFromItsOwn) {
  for (const char* owner : {"acme", "globex"}) {
    PutStage("s1", owner, owner);
    for (const char* id : {"a", "b", "c"}) PutDeal(id, "s1", {}, owner);
  }
  PutStage("s1", "changed since");
  ListOpportunitiesRequest request;
  request.set_page_size(2);
  request.set_read_revision(8);
  request.add_expand("stage");
  std::vector<std::string> stages;
  do {
    const auto page = Ask<ListOpportunitiesResponse>(kList, request);
    for (const Opportunity& deal : page.opportunities()) stages.push_back(StageIn(deal));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(stages, ElementsAre("acme", "acme", "acme", "globex", "globex", "globex"));
}

TEST_F(ExpandTest, AGetKeepsUnderTheSizeThatClientsTake) {
  std::vector<std::string> contacts;
  for (int i = 0; i < 5; ++i) {
    contacts.push_back("c" + std::to_string(i));
    PutContact(contacts.back(), 900'000);
  }
  PutDeal("d1", "s1", contacts);
  const auto deal = Ask<Opportunity>(kGet, Named("d1", {"contacts"}));
  EXPECT_LT(deal.ByteSizeLong(), 3u << 20);
  EXPECT_TRUE(deal.fields().contacts(2).has_resource());
  EXPECT_EQ(deal.fields().contacts(4).id(), "c4");
  EXPECT_FALSE(deal.fields().contacts(4).has_resource());
}

TEST_F(ExpandTest, APageHoldsFewerAndABatchNamesTheRestWhereExpandingMakesThemLarge) {
  PutContact("big", 700'000);
  BatchGetOpportunitiesRequest batch;
  batch.set_connector_id("hubspot");
  batch.set_owner_id("acme");
  batch.add_expand("contacts");
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    PutDeal(id, "s1", {"big"});
    batch.add_ids(id);
  }
  batch.add_ids("missing");
  const auto found = Ask<BatchGetOpportunitiesResponse>(kBatchGet, batch);
  EXPECT_EQ(found.opportunities_size(), 2);
  EXPECT_THAT(found.unread_ids(), ElementsAre("c", "d", "e"));
  EXPECT_THAT(found.missing_ids(), ElementsAre("missing"));
  ListOpportunitiesRequest list;
  list.add_expand("contacts");
  std::vector<std::string> ids;
  int pages = 0;
  do {
    const auto page = Ask<ListOpportunitiesResponse>(kList, list);
    for (const Opportunity& deal : page.opportunities()) {
      ids.push_back(deal.id());
      EXPECT_TRUE(deal.fields().contacts(0).has_resource()) << deal.id();
    }
    list.set_page_token(page.next_page_token());
    ++pages;
  } while (!list.page_token().empty());
  EXPECT_THAT(ids, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(pages, 3);
}

TEST_F(ExpandTest, TheViewIsOfTheOuterResourceAlone) {
  const auto with_raw = [](const std::string& model, const std::string& id,
                           const nlohmann::json& fields) {
    return nlohmann::json{{"event", model + "::created"},
                          {"data", {{"id", id}, {"fields", fields}, {"rawResource", {{"vid", 7}}}}}}
        .dump();
  };
  server_.Post(with_raw("crmStage", "s1", {{"name", "Won"}}));
  server_.Post(with_raw("crmOpportunity", "d1", {{"name", "D"}, {"stage", Ref("s1")}}));
  auto request = Named("d1", {"stage"});
  request.set_view(v1::VIEW_FULL);
  const auto deal = Ask<Opportunity>(kGet, request);
  EXPECT_TRUE(deal.has_raw_resource());
  Stage stage;
  ASSERT_TRUE(deal.fields().stage().resource().UnpackTo(&stage));
  EXPECT_FALSE(stage.has_raw_resource());
}

TEST_F(ExpandTest, AReferenceThatNamesItsModelIsFollowedThere) {
  PutContact("x");
  PutDeal("d1", "x");
  server_.Put("crmOpportunity", "d2",
              {{"name", "D"},
               {"stage", {{"object", "resourceRef"}, {"id", "x"}, {"model", "genericContact"}}},
               {"owner", {{"object", "resourceRef"}, {"id", "x"}, {"model", "noSuchModel"}}}});
  EXPECT_FALSE(Ask<Opportunity>(kGet, Named("d1", {"stage"})).fields().stage().has_resource());
  const auto deal = Ask<Opportunity>(kGet, Named("d2", {"stage", "owner"}));
  EXPECT_TRUE(deal.fields().stage().resource().Is<Contact>());
  EXPECT_FALSE(deal.fields().owner().has_resource());
}

TEST_F(ExpandTest, ReferencesInsideMessagesOfAListAreExpandedToo) {
  PutContact("c1");
  server_.Put("telephonyCallTranscript", "t1",
              {{"speakers",
                {{{"id", "1"}, {"name", "A"}, {"contact", Ref("c1")}},
                 {{"id", "2"}, {"name", "B"}, {"contact", Ref("gone")}}}}});
  telephony::v1::GetCallTranscriptRequest request;
  request.set_connector_id("hubspot");
  request.set_owner_id("acme");
  request.set_id("t1");
  request.add_expand("speakers.contact");
  const auto transcript = Ask<telephony::v1::CallTranscript>(
      "/tributary.telephony.v1.CallTranscriptService/GetCallTranscript", request);
  ASSERT_EQ(transcript.fields().speakers_size(), 2);
  EXPECT_TRUE(transcript.fields().speakers(0).contact().resource().Is<Contact>());
  EXPECT_EQ(transcript.fields().speakers(0).name(), "A");
  EXPECT_FALSE(transcript.fields().speakers(1).contact().has_resource());
}

TEST_F(ExpandTest, NamesThatAreNoReferencesAreRefusedWithThoseThatAre) {
  PutDeal("d1", "s1");
  std::string text;
  EXPECT_EQ(Refusal<Opportunity>(kGet, Named("d1", {"stage", "amount"}), &text),
            "ARGUMENT_INVALID");
  EXPECT_THAT(text, HasSubstr("expand[1]: \"amount\" is no reference of crmOpportunity; it has "
                              "stage, pipeline, owner, contacts"));
  const std::vector<std::string> eleven(limits::kExpandMax + 1, "stage");
  EXPECT_EQ(Refusal<Opportunity>(kGet, Named("d1", eleven), &text), "ARGUMENT_INVALID");
  EXPECT_THAT(text, HasSubstr("names 11 fields, at most 10 are allowed"));
}

TEST_F(ExpandTest, ARevisionOutsideOfHistoryIsRefusedWithItsBounds) {
  PutDeal("d1", "s1");
  auto request = Named("d1");
  std::string text;
  request.set_read_revision(2);
  EXPECT_EQ(Refusal<Opportunity>(kGet, request, &text), "POSITION_IN_FUTURE");
  EXPECT_THAT(text, HasSubstr("head_revision"));
  EXPECT_THAT(text, HasSubstr("oldest_revision"));
  for (const int64_t none : {int64_t{0}, int64_t{-1}}) {
    request.set_read_revision(none);
    EXPECT_EQ(Refusal<Opportunity>(kGet, request, &text), "ARGUMENT_INVALID");
    EXPECT_THAT(text, HasSubstr("read_revision: " + std::to_string(none) + " must be 1 or more"));
  }
}

TEST_F(ExpandTest, APageTokenKeepsTheRevisionOfItsList) {
  for (const char* id : {"a", "b", "c"}) PutDeal(id, "s1");
  ListOpportunitiesRequest request;
  request.set_page_size(1);
  request.set_read_revision(2);
  auto page = Ask<ListOpportunitiesResponse>(kList, request);
  request.set_page_token(page.next_page_token());
  page = Ask<ListOpportunitiesResponse>(kList, request);
  EXPECT_EQ(page.opportunities(0).id(), "b");
  request.clear_read_revision();
  EXPECT_EQ(Ask<ListOpportunitiesResponse>(kList, request).revision(), 2);
  request.set_page_token(page.next_page_token());
  EXPECT_EQ(Ask<ListOpportunitiesResponse>(kList, request).opportunities_size(), 0);
  request.set_read_revision(3);
  std::string text;
  EXPECT_EQ(Refusal<ListOpportunitiesResponse>(kList, request, &text), "PAGE_TOKEN_MISMATCH");
  EXPECT_THAT(text, HasSubstr("read_revision"));
}

TEST_F(ExpandTest, AGetAtARevisionSeesWhatWasDeletedSince) {
  PutDeal("d1", "s1");
  server_.Delete("crmOpportunity", "d1");
  auto request = Named("d1");
  request.set_read_revision(1);
  EXPECT_EQ(Ask<Opportunity>(kGet, request).id(), "d1");
  request.set_read_revision(2);
  request.add_expand("stage");
  EXPECT_EQ(Refusal<Opportunity>(kGet, request), "RESOURCE_DELETED");
}

TEST(References, TakeProtoAndJsonNamesAndEachOnlyOnce) {
  const auto model = Model::Compile(telephony::v1::CallTranscript::descriptor());
  ASSERT_THAT(model, IsOk());
  const References references(**model);
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(
      const std::vector<ReferenceField> selected,
      references.Select({"speakers.user", "call", "fields.speakers.contact", "call"}));
  ASSERT_EQ(selected.size(), 2u);
  EXPECT_EQ(selected[0].inside.size(), 2u);
  EXPECT_EQ(selected[1].model, "telephonyCall");
  EXPECT_THAT(references.Select({"speakers"}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(references.Select({""}), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace tributary
