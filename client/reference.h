#pragma once

#include <memory>
#include <optional>

#include "google/protobuf/message.h"
#include "tributary/v1/resource.pb.h"

namespace tributary {
inline namespace client {

// The resource that a reference was expanded to, as asked for with `expand`:
//
//   auto deal = deals.Get("311", {.expand = {"stage"}});
//   auto stage = Expanded<Stage>(deal->fields().stage());
//   if (stage.has_value()) { … stage->fields().name() … }
//
// Nothing if it was not asked for, is not there, or is no T: a reference may name another model
// than its field does.
template <typename T>
std::optional<T> Expanded(const v1::ResourceRef& ref) {
  T resource;
  if (!ref.resource().Is<T>() || !ref.resource().UnpackTo(&resource)) return std::nullopt;
  return resource;
}

// The same where the model is known at run time only. Null also for a model that is newer than this
// program.
std::unique_ptr<google::protobuf::Message> ExpandedResource(const v1::ResourceRef& ref);

}  // namespace client
}  // namespace tributary
