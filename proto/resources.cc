#include "proto/resources.h"

#include "tributary/all.pb.h"

namespace tributary {

// To add a resource, write its proto file and add its line here: that is all. The line has to
// exist, because naming the type is what keeps the linker from leaving its descriptor out of the
// program.
std::vector<const google::protobuf::Descriptor*> ResourceDescriptors() {
  return {
      generic::v1::Contact::descriptor(),
      generic::v1::Company::descriptor(),
      generic::v1::User::descriptor(),
      generic::v1::Workspace::descriptor(),
      crm::v1::Opportunity::descriptor(),
      crm::v1::Pipeline::descriptor(),
      crm::v1::Stage::descriptor(),
      crm::v1::Engagement::descriptor(),
      scheduling::v1::EventType::descriptor(),
      scheduling::v1::Slot::descriptor(),
      scheduling::v1::ScheduledEvent::descriptor(),
      telephony::v1::Call::descriptor(),
      telephony::v1::CallTranscript::descriptor(),
      widget::v1::CardView::descriptor(),
      custom::v1::FieldDefinition::descriptor(),
  };
}

}  // namespace tributary
