#pragma once

#include <vector>

#include "google/protobuf/descriptor.h"

namespace tributary {

// Every resource that is served, in the order in which models are listed to users. Server and
// client learn of a resource from here and from nowhere else. The descriptors are those of the
// linked-in code and live as long as the process. Thread-safe.
std::vector<const google::protobuf::Descriptor*> ResourceDescriptors();

}  // namespace tributary
