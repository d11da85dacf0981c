#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/serve/encode.h"

namespace tributary {

enum class WatchStart { kSnapshot, kNow, kBeginning };

// Any request of a resource's service. All of them share one numbering of fields, so one struct and
// one reader serve every model; a field that a method does not have keeps its default.
struct Request {
  std::string connector_id;
  std::string owner_id;
  std::string id;
  std::vector<std::string> ids;
  std::string filter;
  View view = View::kBasic;
  int page_size = 0;
  std::string page_token;
  std::string order_by;
  WatchStart start = WatchStart::kSnapshot;
  std::string resume_token;
  std::optional<int64_t> after_revision;
  int64_t heartbeat_ms = 0;
  bool include_previous = false;
  bool stop_at_head = false;
};

// Reads `bytes` as `type` and checks what needs no store: INVALID_ARGUMENT with a violation per
// field at fault, ARGUMENT_NOT_SUPPORTED for a filter or an order.
absl::StatusOr<Request> ReadRequest(const google::protobuf::Descriptor* type,
                                    const grpc::ByteBuffer& bytes);

}  // namespace tributary
