#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace tributary {
inline namespace client {

// What the client knows of one model, read from the descriptors: its message, and the methods of
// its service. A resource that is added to the protos is known here without another line. Immutable
// and thread-safe; lives as long as the process.
class ResourceModel {
 public:
  // Every model, in the order of the protos.
  static const std::vector<ResourceModel>& All();

  // The model of a resource message; ends the program if the message is not a resource.
  static const ResourceModel& Of(const google::protobuf::Descriptor& message);

  // The model that a person means by "opportunity", "opportunities", "Opportunity",
  // "crmOpportunity", "call-transcript" or "call_transcript"; null if none.
  static const ResourceModel* Find(std::string_view name);

  // As the source names it: "crmOpportunity".
  const std::string& id() const { return id_; }
  // The message: "Opportunity".
  const std::string& name() const { return message_->name(); }
  // In a person's words: "call_transcript", "call_transcripts".
  const std::string& singular() const { return singular_; }
  const std::string& plural() const { return plural_; }

  const google::protobuf::Descriptor& message() const { return *message_; }
  const google::protobuf::ServiceDescriptor& service() const { return *get_->service(); }
  const google::protobuf::MethodDescriptor& get() const { return *get_; }
  const google::protobuf::MethodDescriptor& batch_get() const { return *batch_get_; }
  const google::protobuf::MethodDescriptor& list() const { return *list_; }
  const google::protobuf::MethodDescriptor& watch() const { return *watch_; }

 private:
  explicit ResourceModel(const google::protobuf::Descriptor& message);

  const google::protobuf::Descriptor* message_;
  std::string id_;
  std::string singular_;
  std::string plural_;
  const google::protobuf::MethodDescriptor* get_ = nullptr;
  const google::protobuf::MethodDescriptor* batch_get_ = nullptr;
  const google::protobuf::MethodDescriptor* list_ = nullptr;
  const google::protobuf::MethodDescriptor* watch_ = nullptr;
};

// "/tributary.crm.v1.OpportunityService/GetOpportunity"
std::string PathOf(const google::protobuf::MethodDescriptor& method);

// An empty message of a type that is linked in.
const google::protobuf::Message& PrototypeOf(const google::protobuf::Descriptor& type);

}  // namespace client
}  // namespace tributary
