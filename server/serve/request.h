#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/base/wire.h"
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
  std::vector<std::string> models;
  std::optional<int64_t> read_revision;
  std::vector<std::string> expand;
};

// Reads the requests of one method. Which field stands under which number is looked up once, in the
// descriptor; a request is then read from its bytes, without a message in between. Thread-safe.
class RequestReader {
 public:
  explicit RequestReader(const google::protobuf::Descriptor& type);

  // Checks what needs neither store nor model: INVALID_ARGUMENT with a violation per field at
  // fault. What filter, order_by and expand say is not looked at.
  absl::StatusOr<Request> Read(const grpc::ByteBuffer& bytes) const;

 private:
  struct Draft;
  // Takes one field of a request over; false if it is malformed.
  using Take = bool (*)(const wire::Field& field, Draft& draft);
  struct NamedTake;
  static const NamedTake kTakes[];

  const google::protobuf::Descriptor& type_;
  std::array<Take, 32> takes_{};  // by field number; null: not known, ignored
  bool names_one_ = false;        // has `id`
  bool names_many_ = false;       // has `ids`
};

}  // namespace tributary
