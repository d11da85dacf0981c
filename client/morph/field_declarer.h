#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/model.h"
#include "client/morph/morph_page.h"
#include "client/resource_client.h"
#include "client/rpc.h"
#include "tributary/custom/v1/field_definition.pb.h"

namespace tributary {
inline namespace client {

// What became of the fields that a source listed.
struct FieldTotals {
  int64_t declared = 0;  // that were not, or only discovered
  int64_t changed = 0;
  int64_t unchanged = 0;
  int64_t left_out = 0;  // the model's own, and those of an unknown type
  int64_t refused = 0;
};

// Declares custom fields as the source describes them, through FieldDefinitionService. For one
// thread.
class FieldDeclarer {
 public:
  // With `dry_run` it only looks what would change.
  FieldDeclarer(std::shared_ptr<grpc::Channel> channel, Scope scope, CallOptions options,
                bool dry_run);

  // The fields of a page, in Morph's JSON. What the server refuses of them is counted, with the
  // reason in `problems`; any other failure of its ends this.
  absl::Status Declare(const ResourceModel& model, const std::vector<MorphItem>& page,
                       FieldTotals& totals, std::vector<std::string>& problems);

 private:
  absl::Status DeclareOne(const custom::v1::FieldDefinition& wanted,
                          const custom::v1::FieldDefinition* standing, FieldTotals& totals,
                          std::vector<std::string>& problems);

  const std::shared_ptr<grpc::Channel> channel_;
  const Scope scope_;
  const CallOptions options_;
  const bool dry_run_;
};

}  // namespace client
}  // namespace tributary
