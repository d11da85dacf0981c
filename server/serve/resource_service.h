#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/executor.h"
#include "server/model/model.h"
#include "server/model/resource_index.h"
#include "server/serve/expand.h"
#include "server/serve/inline_reads.h"
#include "server/serve/raw_service.h"
#include "server/serve/request.h"
#include "server/serve/rpc_metrics.h"
#include "server/serve/token.h"
#include "server/serve/watch_streams.h"
#include "server/store/store.h"
#include "server/watch/change_hub.h"

namespace tributary {

// What the services read from. All of it outlives them.
struct ServingContext {
  const ModelRegistry& models;
  Store& store;
  ChangeHub& hub;
  Executor& executor;
  InlineReads& inline_reads;
  WatchStreams& streams;
  RpcMetrics& metrics;
};

// Get, BatchGet, List and Watch of one model, from stored bytes. Nothing here depends on the model
// but its name in keys and the types of its requests. Thread-safe.
class ResourceService {
 public:
  ResourceService(const Model& model, const ServingContext& context);

  // For what the service has beside these methods.
  RawService& service() { return service_; }

 private:
  absl::StatusOr<std::string> Get(const Request& request) const;
  absl::StatusOr<std::string> BatchGet(const Request& request) const;
  absl::StatusOr<std::string> List(const Request& request) const;

  using Method = absl::StatusOr<std::string> (ResourceService::*)(const Request&) const;
  void AddUnary(const google::protobuf::MethodDescriptor& method, Method handler);
  // What `handler` answers; of a read_revision that cannot be read, how far history reaches.
  absl::StatusOr<std::string> Answer(Method handler, const Request& request) const;
  void AddWatch(const google::protobuf::MethodDescriptor& method);
  absl::StatusOr<WatchRequest> ReadWatch(const RequestReader& reader, MethodMetrics& metrics,
                                         const grpc::ByteBuffer& bytes) const;
  // By what the List is ordered; empty without an order.
  std::string OrderValue(const RecordQuery& query, const Record& record) const;
  Selection Selected(const Request& request) const;

  // The answer of a List as it fills.
  struct ListAnswer {
    std::string out;
    int count = 0;
    RecordQuery query;  // for what comes next
  };
  absl::StatusOr<RecordQuery> ListQuery(const Request& request, const TokenBinding& binding) const;
  // True: the answer is full, or nothing is left.
  absl::StatusOr<bool> AppendPage(ListAnswer& answer, RecordPage page,
                                  const std::vector<ReferenceField>& selected,
                                  const Request& request) const;
  // Expands `record` and appends it. False: there is no room for all of it, and it is left out.
  static bool AppendItem(std::string& out, uint32_t number, Record& record,
                         const Expansion& expansion, View view);

  const Model& model_;
  const ResourceIndex index_;
  const References references_;
  const ServingContext context_;
  RawService service_;
};

}  // namespace tributary
