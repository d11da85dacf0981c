// Definitions of custom fields, declared and discovered, over real sockets.

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/test_server.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/custom/v1/field_definition.pb.h"
#include "tributary/feed/v1/feed.pb.h"

namespace tributary {
namespace {

using custom::v1::CreateFieldDefinitionRequest;
using custom::v1::CreateFieldDefinitionResponse;
using custom::v1::DeleteFieldDefinitionRequest;
using custom::v1::DeleteFieldDefinitionResponse;
using custom::v1::FieldDefinition;
using custom::v1::UpdateFieldDefinitionRequest;
using custom::v1::UpdateFieldDefinitionResponse;
using nlohmann::json;
using testing::Call;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpClient;
using testing::HttpReply;
using testing::ReasonIn;
using testing::Stream;
using testing::TestServer;
using Fields = FieldDefinition::Fields;

constexpr char kService[] = "/tributary.custom.v1.FieldDefinitionService/";
constexpr char kDeal[] = "crmOpportunity";

template <typename Request>
Request InScope() {
  Request request;
  request.set_connector_id("hubspot");
  request.set_owner_id("acme");
  return request;
}

class FieldDefinitionTest : public ::testing::Test {
 protected:
  // Calls a method of the service; the reason of a failure, "OK" else.
  template <typename Request, typename Response>
  std::string Ask(const std::string& method, const Request& request, Response* response) {
    grpc::ClientContext context;
    const grpc::Status status =
        Call(*server_.channel(), kService + method, request, response, &context);
    if (status.ok()) return "OK";
    message_ = status.error_message();
    return ReasonIn(context);
  }

  std::string Create(const CreateFieldDefinitionRequest& request) {
    created_.Clear();
    return Ask("CreateFieldDefinition", request, &created_);
  }
  std::string Update(const UpdateFieldDefinitionRequest& request) {
    updated_.Clear();
    return Ask("UpdateFieldDefinition", request, &updated_);
  }
  std::string Delete(const std::string& id, int64_t revision = 0) {
    auto request = InScope<DeleteFieldDefinitionRequest>();
    request.set_id(id);
    request.set_revision(revision);
    return Ask("DeleteFieldDefinition", request, &deleted_);
  }
  std::string Get(const std::string& id) {
    auto request = InScope<custom::v1::GetFieldDefinitionRequest>();
    request.set_id(id);
    found_.Clear();
    return Ask("GetFieldDefinition", request, &found_);
  }
  std::vector<std::string> List(const std::string& filter = "") {
    auto request = InScope<custom::v1::ListFieldDefinitionsRequest>();
    request.set_filter(filter);
    custom::v1::ListFieldDefinitionsResponse response;
    EXPECT_EQ(Ask("ListFieldDefinitions", request, &response), "OK") << message_;
    std::vector<std::string> ids;
    for (const auto& definition : response.field_definitions()) ids.push_back(definition.id());
    return ids;
  }

  static CreateFieldDefinitionRequest Region(Fields::Type type = Fields::TYPE_TEXT) {
    auto request = InScope<CreateFieldDefinitionRequest>();
    request.mutable_fields()->set_model(kDeal);
    request.mutable_fields()->set_key("region");
    request.mutable_fields()->set_name("Region");
    request.mutable_fields()->set_type(type);
    return request;
  }
  static UpdateFieldDefinitionRequest Renamed(const std::string& name, int64_t revision = 0) {
    auto request = InScope<UpdateFieldDefinitionRequest>();
    request.set_id("crmOpportunity.region");
    request.mutable_fields()->set_name(name);
    request.set_revision(revision);
    return request;
  }

  TestServer server_;
  std::string message_;
  CreateFieldDefinitionResponse created_;
  UpdateFieldDefinitionResponse updated_;
  DeleteFieldDefinitionResponse deleted_;
  FieldDefinition found_;
};

TEST_F(FieldDefinitionTest, OneThatIsCreatedIsThereAfterARestart) {
  ASSERT_EQ(Create(Region()), "OK") << message_;
  const FieldDefinition made = created_.field_definition();
  EXPECT_EQ(made.id(), "crmOpportunity.region");
  EXPECT_EQ(made.fields().origin(), Fields::ORIGIN_DECLARED);
  EXPECT_TRUE(made.has_created_at());
  EXPECT_EQ(made.revision(), 1);
  server_.Restart();
  ASSERT_EQ(Get("crmOpportunity.region"), "OK");
  EXPECT_EQ(found_.SerializeAsString(), made.SerializeAsString());
}

TEST_F(FieldDefinitionTest, OneThatExistsIsNotCreatedAgain) {
  ASSERT_EQ(Create(Region()), "OK");
  EXPECT_EQ(Create(Region()), "RESOURCE_ALREADY_EXISTS");
  EXPECT_THAT(message_, HasSubstr("crmOpportunity.region"));
}

TEST_F(FieldDefinitionTest, ARequestThatIsNamedIsCarriedOutOnce) {
  auto request = Region();
  request.set_request_id("r1");
  ASSERT_EQ(Create(request), "OK");
  const FieldDefinition made = created_.field_definition();
  ASSERT_EQ(Update(Renamed("Territory")), "OK");
  ASSERT_EQ(Create(request), "OK") << message_;
  EXPECT_EQ(created_.field_definition().SerializeAsString(), made.SerializeAsString());
  request.set_request_id("r2");
  EXPECT_EQ(Create(request), "RESOURCE_ALREADY_EXISTS");
  EXPECT_EQ(Create(request), "RESOURCE_ALREADY_EXISTS");
  ASSERT_EQ(Get("crmOpportunity.region"), "OK");
  EXPECT_EQ(found_.fields().name(), "Territory");
}

TEST_F(FieldDefinitionTest, EachFaultOfARequestIsAViolation) {
  auto request = Region();
  request.set_owner_id("");
  request.mutable_fields()->set_model("crmLead");
  request.mutable_fields()->set_origin(Fields::ORIGIN_DISCOVERED);
  EXPECT_EQ(Create(request), "ARGUMENT_INVALID");
  EXPECT_THAT(message_, HasSubstr("owner_id: must be set (and 2 more)"));
  EXPECT_EQ(Delete(""), "ARGUMENT_INVALID");
  EXPECT_EQ(Delete("crmOpportunity.region", -1), "ARGUMENT_INVALID");
}

TEST_F(FieldDefinitionTest, AnUpdateChangesWhatItNames) {
  ASSERT_EQ(Create(Region()), "OK");
  ASSERT_EQ(Update(Renamed("Territory")), "OK") << message_;
  EXPECT_EQ(updated_.field_definition().fields().name(), "Territory");
  EXPECT_EQ(updated_.field_definition().fields().type(), Fields::TYPE_TEXT);
  EXPECT_EQ(updated_.field_definition().revision(), 2);
  // The same again is no change.
  ASSERT_EQ(Update(Renamed("Territory")), "OK");
  EXPECT_EQ(updated_.field_definition().revision(), 2);
  auto masked = Renamed("not named");
  masked.mutable_update_mask()->add_paths("fields.unit");
  masked.mutable_fields()->set_unit("EUR");
  ASSERT_EQ(Update(masked), "OK");
  EXPECT_EQ(updated_.field_definition().fields().name(), "Territory");
  EXPECT_EQ(updated_.field_definition().fields().unit(), "EUR");
}

TEST_F(FieldDefinitionTest, AnExpectedRevisionKeepsWhatOthersChanged) {
  ASSERT_EQ(Create(Region()), "OK");
  ASSERT_EQ(Update(Renamed("Territory", 1)), "OK");
  EXPECT_EQ(Update(Renamed("Area", 1)), "REVISION_CHANGED");
  EXPECT_EQ(Delete("crmOpportunity.region", 1), "REVISION_CHANGED");
  EXPECT_EQ(Delete("crmOpportunity.region", 2), "OK");
  EXPECT_EQ(deleted_.revision(), 3);
}

TEST_F(FieldDefinitionTest, UpdatesAtOnceLoseNothing) {
  ASSERT_EQ(Create(Region()), "OK");
  const std::vector<std::string> attributes = {"unit", "format", "description", "source_type"};
  std::vector<std::thread> threads;
  for (const std::string& attribute : attributes) {
    threads.emplace_back([&, attribute] {
      auto request = InScope<UpdateFieldDefinitionRequest>();
      request.set_id("crmOpportunity.region");
      Fields& fields = *request.mutable_fields();
      fields.GetReflection()->SetString(&fields, Fields::descriptor()->FindFieldByName(attribute),
                                        attribute);
      UpdateFieldDefinitionResponse response;
      EXPECT_TRUE(Call(*server_.channel(), std::string(kService) + "UpdateFieldDefinition", request,
                       &response)
                      .ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(Get("crmOpportunity.region"), "OK");
  EXPECT_EQ(found_.fields().unit(), "unit");
  EXPECT_EQ(found_.fields().format(), "format");
  EXPECT_EQ(found_.fields().description(), "description");
  EXPECT_EQ(found_.fields().source_type(), "source_type");
}

TEST_F(FieldDefinitionTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(Update(Renamed("Territory")), "RESOURCE_NOT_FOUND");
  EXPECT_EQ(Delete("crmOpportunity.region"), "RESOURCE_NOT_FOUND");
  ASSERT_EQ(Create(Region()), "OK");
  ASSERT_EQ(Delete("crmOpportunity.region"), "OK");
  EXPECT_EQ(Update(Renamed("Territory")), "RESOURCE_DELETED");
  EXPECT_EQ(Delete("crmOpportunity.region"), "RESOURCE_DELETED");
}

TEST_F(FieldDefinitionTest, AWebhookDiscoversInTheSameTransaction) {
  EXPECT_EQ(server_.Put(kDeal, "1", {{"name", "Deal"}, {"region", "EU"}, {"nothing", nullptr}}), 2);
  ASSERT_EQ(Get("crmOpportunity.region"), "OK");
  EXPECT_EQ(found_.revision(), 1);
  EXPECT_EQ(found_.fields().origin(), Fields::ORIGIN_DISCOVERED);
  EXPECT_EQ(server_.Put(kDeal, "2", {{"name", "Deal"}, {"region", "US"}}), 3);
  server_.Restart();
  EXPECT_EQ(server_.Put(kDeal, "3", {{"name", "Deal"}, {"region", "US"}}), 4);
  EXPECT_THAT(List(), ElementsAre("crmOpportunity.region"));
}

TEST_F(FieldDefinitionTest, TheSameWebhookAgainIsADuplicateAlthoughItDiscoveredOnce) {
  const std::string body = TestServer::Body(kDeal, "updated", "1", {{"region", "EU"}});
  HttpClient client(server_.server().http_port());
  for (const char* verdict : {"APPLIED", "DUPLICATE"}) {
    const auto reply = client.Ask(testing::Webhook(body, "one-key").Text());
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->Json().value("verdict", ""), verdict);
  }
}

TEST_F(FieldDefinitionTest, ManyConnectionsThatMeetAKeyFirstMakeOneDefinition) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      HttpClient client(server_.server().http_port());
      for (int i = 0; i < 20; ++i) {
        const std::string id = std::to_string(thread) + "-" + std::to_string(i);
        const auto reply = client.Ask(
            testing::Webhook(TestServer::Body(kDeal, "updated", id,
                                              {{"name", "Deal"}, {"key" + std::to_string(i), 1}}),
                             id)
                .Text());
        ASSERT_TRUE(reply.has_value());
        EXPECT_EQ(reply->status, 200) << reply->body;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(List().size(), 20u);
  ASSERT_EQ(Get("crmOpportunity.key7"), "OK");
  EXPECT_EQ(found_.created_at().SerializeAsString(), found_.updated_at().SerializeAsString());
  // 160 resources and 20 definitions, each one change.
  EXPECT_EQ(server_.Put(kDeal, "last", {{"name", "Deal"}}), 181);
}

TEST_F(FieldDefinitionTest, ADiscoveredOneCanBeDeclared) {
  server_.Put(kDeal, "1", {{"name", "Deal"}, {"region", 7}});
  ASSERT_EQ(Create(Region()), "OK") << message_;
  EXPECT_EQ(created_.field_definition().fields().type(), Fields::TYPE_TEXT);
  EXPECT_THAT(created_.field_definition().fields().observed_types(),
              ElementsAre(Fields::TYPE_NUMBER));
  server_.Put(kDeal, "2", {{"name", "Deal"}, {"score", 7}});
  auto request = Renamed("Score");
  request.set_id("crmOpportunity.score");
  ASSERT_EQ(Update(request), "OK") << message_;
  EXPECT_EQ(updated_.field_definition().fields().origin(), Fields::ORIGIN_DECLARED);
}

TEST_F(FieldDefinitionTest, ADeletedOneComesBackByCreateAndNotByAValue) {
  server_.Put(kDeal, "1", {{"name", "Deal"}, {"region", "EU"}});
  ASSERT_EQ(Delete("crmOpportunity.region"), "OK");
  server_.Put(kDeal, "2", {{"name", "Deal"}, {"region", "US"}});
  server_.Restart();
  server_.Put(kDeal, "3", {{"name", "Deal"}, {"region", "US"}});
  EXPECT_EQ(Get("crmOpportunity.region"), "RESOURCE_DELETED");
  ASSERT_EQ(Create(Region()), "OK") << message_;
  EXPECT_EQ(Get("crmOpportunity.region"), "OK");
}

// The warnings of deal `id` that are ours, as "field: message".
std::vector<std::string> WarningsOf(TestServer& server, const std::string& id) {
  crm::v1::GetOpportunityRequest request = InScope<crm::v1::GetOpportunityRequest>();
  request.set_id(id);
  crm::v1::Opportunity deal;
  EXPECT_TRUE(
      Call(*server.channel(), "/tributary.crm.v1.OpportunityService/GetOpportunity", request, &deal)
          .ok());
  EXPECT_TRUE(deal.custom_fields().contains("region"));
  std::vector<std::string> warnings;
  for (const auto& warning : deal.warnings()) {
    if (warning.field().starts_with("custom_fields")) {
      EXPECT_EQ(warning.code(), "CONNECTOR::MAPPER::READ_VALIDATION_FAILED");
      warnings.push_back(warning.field() + ": " + warning.message());
    }
  }
  return warnings;
}

TEST_F(FieldDefinitionTest, AValueThatContradictsADeclaredTypeIsKeptWithAWarning) {
  ASSERT_EQ(Create(Region()), "OK");
  server_.Put(kDeal, "1", {{"name", "Deal"}, {"region", 7}});
  EXPECT_THAT(WarningsOf(server_, "1"), ElementsAre("custom_fields.region: is defined as a text"));
  auto request = Renamed("Region");
  request.mutable_fields()->set_type(Fields::TYPE_NUMBER);
  ASSERT_EQ(Update(request), "OK");
  server_.Put(kDeal, "2", {{"name", "Deal"}, {"region", 7}});
  EXPECT_THAT(WarningsOf(server_, "2"), ElementsAre());
  ASSERT_EQ(Get("crmOpportunity.region"), "OK");
  EXPECT_THAT(found_.fields().observed_types(), ElementsAre(Fields::TYPE_NUMBER));
}

TEST(StrictFieldDefinitionTest, AContradictionIsNoReasonToRefuse) {
  ServerOptions options;
  options.decoder.validation = Validation::kReject;
  TestServer server(std::move(options));
  auto request = InScope<CreateFieldDefinitionRequest>();
  request.mutable_fields()->set_model(kDeal);
  request.mutable_fields()->set_key("region");
  request.mutable_fields()->set_type(Fields::TYPE_TEXT);
  CreateFieldDefinitionResponse created;
  ASSERT_TRUE(
      Call(*server.channel(), std::string(kService) + "CreateFieldDefinition", request, &created)
          .ok());
  const json fields = {{"name", "Deal"},
                       {"amount", 1},
                       {"stage", {{"model", "crmStage"}, {"id", "s"}}},
                       {"pipeline", {{"model", "crmPipeline"}, {"id", "p"}}},
                       {"region", 7}};
  const HttpReply kept = server.Post(TestServer::Body(kDeal, "updated", "1", fields));
  EXPECT_EQ(kept.status, 200) << kept.body;
  EXPECT_THAT(WarningsOf(server, "1"), ElementsAre("custom_fields.region: is defined as a text"));
  json broken = fields;
  broken["amount"] = "much";
  const HttpReply refused = server.Post(TestServer::Body(kDeal, "updated", "2", broken));
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, ::testing::Not(HasSubstr("region")));
}

TEST_F(FieldDefinitionTest, FiltersWorkAsOnAnyModel) {
  ASSERT_EQ(Create(Region(Fields::TYPE_NUMBER)), "OK");
  server_.Put(kDeal, "1", {{"name", "Deal"}, {"score", 7}});
  server_.Put("genericContact", "1", {{"firstName", "Ann"}, {"score", "high"}});
  EXPECT_THAT(List("model = \"crmOpportunity\""),
              ElementsAre("crmOpportunity.region", "crmOpportunity.score"));
  EXPECT_THAT(List("origin = declared"), ElementsAre("crmOpportunity.region"));
  EXPECT_THAT(List("fields.type = text"), ElementsAre("genericContact.score"));
  EXPECT_THAT(List("observed_types:number"), ElementsAre("crmOpportunity.score"));
}

TEST_F(FieldDefinitionTest, WatchAndFeedTellOfThem) {
  server_.Put(kDeal, "1", {{"name", "Deal"}, {"region", "EU"}});
  ASSERT_EQ(Create(Region()), "OK");
  ASSERT_EQ(Delete("crmOpportunity.region"), "OK");
  auto watch = InScope<custom::v1::WatchFieldDefinitionsRequest>();
  watch.set_start(v1::WATCH_START_BEGINNING);
  watch.set_stop_at_head(true);
  Stream<custom::v1::WatchFieldDefinitionsResponse> stream(
      server_.channel(), std::string(kService) + "WatchFieldDefinitions", watch);
  std::vector<std::string> told;
  for (custom::v1::WatchFieldDefinitionsResponse response; stream.Read(&response);) {
    for (const auto& change : response.changes()) {
      told.push_back(v1::ChangeType_Name(change.type()) + " " + change.resource().id());
    }
  }
  EXPECT_THAT(told, ElementsAre("CHANGE_TYPE_CREATED crmOpportunity.region",
                                "CHANGE_TYPE_UPDATED crmOpportunity.region",
                                "CHANGE_TYPE_DELETED crmOpportunity.region"));

  auto follow = InScope<feed::v1::WatchChangesRequest>();
  follow.set_start(v1::WATCH_START_BEGINNING);
  follow.set_stop_at_head(true);
  Stream<feed::v1::WatchChangesResponse> feed(
      server_.channel(), "/tributary.feed.v1.FeedService/WatchChanges", follow);
  std::vector<bool> are_definitions;
  for (feed::v1::WatchChangesResponse response; feed.Read(&response);) {
    for (const auto& change : response.changes()) {
      are_definitions.push_back(change.resource().has_field_definition());
    }
  }
  EXPECT_THAT(are_definitions, ElementsAre(true, false, true, true));
}

TEST_F(FieldDefinitionTest, NoWebhookBringsOne) {
  const HttpReply reply = server_.Post(
      TestServer::Body("customField", "created", "crmOpportunity.region", json::object()));
  EXPECT_EQ(reply.status, 202) << reply.body;
  EXPECT_EQ(Get("crmOpportunity.region"), "RESOURCE_NOT_FOUND");
}

}  // namespace
}  // namespace tributary
