#include "client/model.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace tributary {
namespace {

TEST(ResourceModel, IsThereForEveryResourceWithTheFourMethods) {
  ASSERT_EQ(ResourceModel::All().size(), ResourceDescriptors().size());
  for (const ResourceModel& model : ResourceModel::All()) {
    SCOPED_TRACE(model.id());
    EXPECT_EQ(model.get().output_type(), &model.message());
    EXPECT_FALSE(model.list().server_streaming());
    EXPECT_TRUE(model.watch().server_streaming());
    EXPECT_EQ(&ResourceModel::Of(model.message()), &model);
  }
}

TEST(ResourceModel, AnswersToEachOfItsNames) {
  const ResourceModel& model = ResourceModel::Of(*crm::v1::Opportunity::descriptor());
  for (const char* name : {"opportunity", "opportunities", "Opportunity", "OPPORTUNITIES",
                           "crmOpportunity", "crm-opportunity"}) {
    EXPECT_EQ(ResourceModel::Find(name), &model) << name;
  }
  for (const char* name :
       {"call_transcript", "call-transcripts", "callTranscript", "telephonyCallTranscript"}) {
    ASSERT_NE(ResourceModel::Find(name), nullptr) << name;
    EXPECT_EQ(ResourceModel::Find(name)->name(), "CallTranscript");
  }
  for (const char* name : {"", "opport", "deal", "crm"}) {
    EXPECT_EQ(ResourceModel::Find(name), nullptr) << name;
  }
}

TEST(ResourceModel, NoTwoShareAName) {
  std::set<std::string> names;
  for (const ResourceModel& model : ResourceModel::All()) {
    for (const std::string& name : {model.id(), model.singular(), model.plural()}) {
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_EQ(ResourceModel::Find(name), &model) << name;
    }
  }
}

TEST(ResourceModel, MethodsHaveTheirPath) {
  EXPECT_EQ(PathOf(ResourceModel::Find("opportunity")->watch()),
            "/tributary.crm.v1.OpportunityService/WatchOpportunities");
}

}  // namespace
}  // namespace tributary
