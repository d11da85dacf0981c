// The feed of a whole server, over real sockets.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/serve/feed_shape.h"
#include "tests/testing/test_server.h"
#include "tributary/crm/v1/stage.pb.h"
#include "tributary/feed/v1/feed.pb.h"

namespace tributary {
namespace {

using feed::v1::Change;
using feed::v1::WatchChangesRequest;
using feed::v1::WatchChangesResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ReasonIn;
using testing::TestServer;

constexpr char kWatch[] = "/tributary.feed.v1.FeedService/WatchChanges";
using Stream = testing::Stream<WatchChangesResponse>;

class FeedTest : public ::testing::Test {
 protected:
  FeedTest() {
    server_.Put("genericContact", "c1", {{"firstName", "Ann"}});
    server_.Put("crmStage", "s1", {{"name", "Won"}});
    server_.Put("genericContact", "c1", {{"firstName", "Anna"}});
  }

  static std::string Text(const Change& change) {
    static const char* const kSigns[] = {"?", "=", "+", "~", "-", ">", "<"};
    return kSigns[change.type()] + change.key().model() + "/" + change.key().id() + "@" +
           std::to_string(change.revision());
  }

  // Everything up to the head when the call began.
  std::vector<std::string> ToHead(WatchChangesRequest request) {
    request.set_stop_at_head(true);
    Stream stream(server_.channel(), kWatch, request);
    std::vector<std::string> seen;
    changes_.clear();
    while (stream.Read(&last_)) {
      for (const Change& change : last_.changes()) {
        seen.push_back(Text(change));
        changes_.push_back(change);
      }
    }
    const grpc::Status status = stream.Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return seen;
  }

  std::string Refusal(const WatchChangesRequest& request) {
    Stream stream(server_.channel(), kWatch, request);
    EXPECT_FALSE(stream.Read(&last_));
    EXPECT_FALSE(stream.Finish().ok());
    return ReasonIn(stream.context());
  }

  static WatchChangesRequest From(v1::WatchStart start) {
    WatchChangesRequest request;
    request.set_start(start);
    return request;
  }

  TestServer server_;
  WatchChangesResponse last_;
  std::vector<Change> changes_;
};

TEST_F(FeedTest, SendsAllModelsInTheOrderOfTheStore) {
  EXPECT_THAT(ToHead(From(v1::WATCH_START_BEGINNING)),
              ElementsAre("+genericContact/c1@1", "+crmStage/s1@2", "~genericContact/c1@3"));
  EXPECT_EQ(changes_[0].resource().contact().fields().first_name(), "Ann");
  EXPECT_EQ(changes_[1].resource().stage().fields().name(), "Won");
  EXPECT_EQ(changes_[1].resource().stage().revision(), 2);
  EXPECT_EQ(changes_[1].key().connector_id(), "hubspot");
  EXPECT_EQ(changes_[1].key().owner_id(), "acme");
  EXPECT_NE(changes_[1].delivery_id(), "");
}

TEST_F(FeedTest, SnapshotsAllModelsAndGoesOnFromAToken) {
  EXPECT_THAT(ToHead({}), ElementsAre("=crmStage/s1@2", "=genericContact/c1@3"));
  EXPECT_TRUE(last_.snapshot_complete());
  EXPECT_EQ(changes_[1].resource().contact().fields().first_name(), "Anna");
  WatchChangesRequest resumed;
  resumed.set_resume_token(last_.resume_token());
  resumed.set_include_previous(true);
  server_.Put("crmStage", "s1", {{"name", "Lost"}});
  server_.Delete("genericContact", "c1");
  EXPECT_THAT(ToHead(resumed), ElementsAre("~crmStage/s1@4", "-genericContact/c1@5"));
  EXPECT_EQ(changes_[0].previous().stage().fields().name(), "Won");
  EXPECT_THAT(changes_[0].changed_fields(), ElementsAre("fields.name"));
  EXPECT_EQ(changes_[1].resource().contact().fields().first_name(), "Anna");
}

TEST_F(FeedTest, NarrowsToModelsAndToAFilterOfTheFrame) {
  auto request = From(v1::WATCH_START_BEGINNING);
  request.add_models("crmStage");
  EXPECT_THAT(ToHead(request), ElementsAre("+crmStage/s1@2"));
  request.add_models("genericContact");
  request.set_filter("id = \"c1\"");
  EXPECT_THAT(ToHead(request), ElementsAre("+genericContact/c1@1", "~genericContact/c1@3"));
}

TEST_F(FeedTest, RefusesWhatItDoesNotServe) {
  WatchChangesRequest request;
  request.add_models("crmUnheardOf");
  EXPECT_EQ(Refusal(request), "ARGUMENT_INVALID");
  request.clear_models();
  request.set_filter("first_name = Ann");
  EXPECT_EQ(Refusal(request), "FILTER_INVALID");
}

TEST_F(FeedTest, ATokenIsOfItsModelsAndOfNoOtherMethod) {
  WatchChangesRequest request;
  request.add_models("crmStage");
  ToHead(request);
  const std::string token = last_.resume_token();
  request.set_resume_token(token);
  request.add_models("crmStage");
  EXPECT_THAT(ToHead(request), ElementsAre()) << "the same models, one said twice";
  request.add_models("genericContact");
  EXPECT_EQ(Refusal(request), "RESUME_TOKEN_OTHER_REQUEST");

  crm::v1::WatchStagesRequest of_stages;
  of_stages.set_resume_token(token);
  testing::Stream<crm::v1::WatchStagesResponse> stream(
      server_.channel(), "/tributary.crm.v1.StageService/WatchStages", of_stages);
  crm::v1::WatchStagesResponse response;
  EXPECT_FALSE(stream.Read(&response));
  EXPECT_FALSE(stream.Finish().ok());
  EXPECT_EQ(ReasonIn(stream.context()), "RESUME_TOKEN_OTHER_REQUEST");
}

TEST(FeedShape, HasAnArmForEveryModel) {
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const ModelRegistry models,
                                 ModelRegistry::Build(ResourceDescriptors()));
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const FeedShape shape,
                                 FeedShape::Find(*feed::v1::Resource::descriptor(), models));
  for (const auto& model : models.models()) {
    const auto* arm = feed::v1::Resource::descriptor()->FindFieldByNumber(
        static_cast<int>(shape.ArmOf(model->name())));
    ASSERT_NE(arm, nullptr) << model->name();
    EXPECT_EQ(arm->message_type(), model->message());
  }
}

TEST(FeedShape, NamesTheModelThatHasNoArm) {
  TRIBUTARY_ASSERT_OK_AND_ASSIGN(const ModelRegistry models,
                                 ModelRegistry::Build(ResourceDescriptors()));
  const absl::Status status = FeedShape::Find(*Change::descriptor(), models).status();
  EXPECT_THAT(status, testing::StatusIs(absl::StatusCode::kFailedPrecondition,
                                        HasSubstr("tributary.generic.v1.Contact")));
}

}  // namespace
}  // namespace tributary
