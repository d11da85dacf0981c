#include "client/reference.h"

#include <string>

#include "client/model.h"

namespace tributary {
inline namespace client {

using google::protobuf::Any;
using google::protobuf::Message;

std::unique_ptr<Message> ExpandedResource(const v1::ResourceRef& ref) {
  std::string type;
  if (!ref.has_resource() || !Any::ParseAnyTypeUrl(ref.resource().type_url(), &type)) {
    return nullptr;
  }
  for (const ResourceModel& model : ResourceModel::All()) {
    if (model.message().full_name() != type) continue;
    std::unique_ptr<Message> resource(PrototypeOf(model.message()).New());
    if (!resource->ParseFromString(ref.resource().value())) return nullptr;
    return resource;
  }
  return nullptr;
}

}  // namespace client
}  // namespace tributary
