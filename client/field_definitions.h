#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/status.h"
#include "client/rpc.h"
#include "tributary/custom/v1/field_definition.pb.h"

namespace tributary {
inline namespace client {

// What may be declared of a definition: the rest is the server's to say.
custom::v1::FieldDefinition::Fields DeclaredPart(const custom::v1::FieldDefinition& definition);

// Has the server declare what `definition`, one that was read, declares: whatever stands becomes
// that. Nothing changes if it is declared like that already.
absl::Status DeclareField(const std::shared_ptr<grpc::Channel>& channel,
                          const custom::v1::FieldDefinition& definition,
                          const CallOptions& options = {});

// Has it deleted; OK if it is not there.
absl::Status DeleteField(const std::shared_ptr<grpc::Channel>& channel,
                         const custom::v1::FieldDefinition& definition,
                         const CallOptions& options = {});

}  // namespace client
}  // namespace tributary
