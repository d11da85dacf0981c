#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

// What every resource's proto file has in common. Serving moves stored bytes between messages by
// field number alone, so a file that differs is refused when the server starts, by name of file and
// field.
namespace tributary {

// The frame: fields 1 to 11 of a resource message, and no others.
absl::Status CheckFrame(const google::protobuf::Descriptor* message);

// The service of the resource, in the same file, with GetX, BatchGetXs, ListXs and WatchXs, their
// requests and their responses. INVALID_ARGUMENT if anything is missing or has another number, name
// or type.
absl::StatusOr<const google::protobuf::ServiceDescriptor*> FindService(
    const google::protobuf::Descriptor* message);

}  // namespace tributary
