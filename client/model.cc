#include "client/model.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/resources.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary {
inline namespace client {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// The Get method that answers this message: what makes its service the message's own.
const MethodDescriptor* FindGet(const Descriptor& message) {
  const FileDescriptor& file = *message.file();
  for (int s = 0; s < file.service_count(); ++s) {
    const ServiceDescriptor& service = *file.service(s);
    for (int m = 0; m < service.method_count(); ++m) {
      const MethodDescriptor& method = *service.method(m);
      if (method.output_type() == &message && absl::StartsWith(method.name(), "Get")) {
        return &method;
      }
    }
  }
  Die(absl::StrCat("no service in ", file.name(), " has a Get method for ", message.name()));
}

const MethodDescriptor& MethodStarting(const ServiceDescriptor& service, const char* verb) {
  for (int m = 0; m < service.method_count(); ++m) {
    if (absl::StartsWith(service.method(m)->name(), verb)) return *service.method(m);
  }
  Die(absl::StrCat(service.full_name(), " has no method ", verb, "…"));
}

// The name of the list of resources in the answer of List: the plural.
std::string PluralOf(const MethodDescriptor& list, const Descriptor& message) {
  for (int f = 0; f < list.output_type()->field_count(); ++f) {
    const auto& field = *list.output_type()->field(f);
    if (field.is_repeated() && field.message_type() == &message) return field.name();
  }
  Die(absl::StrCat(list.output_type()->full_name(), " holds no list of ", message.name()));
}

// "CallTranscript" -> "call_transcript"
std::string SnakeCase(std::string_view name) {
  std::string snake;
  for (const char c : name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !snake.empty()) snake += '_';
    snake += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return snake;
}

// Without what people write differently: case, "-" and "_".
std::string Folded(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    if (c != '-' && c != '_') folded += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return folded;
}

}  // namespace

ResourceModel::ResourceModel(const Descriptor& message)
    : message_(&message),
      id_(message.options().GetExtension(v1::resource).model()),
      singular_(SnakeCase(message.name())),
      get_(FindGet(message)) {
  const ServiceDescriptor& service = *get_->service();
  batch_get_ = &MethodStarting(service, "BatchGet");
  list_ = &MethodStarting(service, "List");
  watch_ = &MethodStarting(service, "Watch");
  plural_ = PluralOf(*list_, message);
}

const std::vector<ResourceModel>& ResourceModel::All() {
  // Never destroyed: it may be asked until the process ends.
  static const auto& models = *[] {
    auto* all = new std::vector<ResourceModel>;
    for (const Descriptor* message : ResourceDescriptors()) all->push_back(ResourceModel(*message));
    return all;
  }();
  return models;
}

const ResourceModel& ResourceModel::Of(const Descriptor& message) {
  for (const ResourceModel& model : All()) {
    if (&model.message() == &message) return model;
  }
  Die(absl::StrCat(message.full_name(), " is not a resource"));
}

const ResourceModel* ResourceModel::Find(std::string_view name) {
  const std::string folded = Folded(name);
  for (const ResourceModel& model : All()) {
    for (const std::string& known : {model.id(), model.singular(), model.plural()}) {
      if (Folded(known) == folded) return &model;
    }
  }
  return nullptr;
}

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

const google::protobuf::Message& PrototypeOf(const Descriptor& type) {
  return *google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type);
}

}  // namespace client
}  // namespace tributary
