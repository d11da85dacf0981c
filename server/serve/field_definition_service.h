#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/fields/definition.h"
#include "server/model/model.h"
#include "server/serve/call.h"
#include "server/serve/intake.h"
#include "server/serve/raw_service.h"
#include "server/serve/rpc_metrics.h"
#include "server/store/store.h"

namespace tributary {

// Create, Update and Delete of definitions of custom fields; what reads them is the same for every
// model. A call reads what stands, says what is to become of it, and submits that for the revision
// which it read: the writer refuses it if another was faster, and the call begins anew. Everything
// given must outlive it. Thread-safe.
class FieldDefinitionService {
 public:
  struct Context {
    const ModelRegistry& models;
    Store& store;
    Executor& executor;
    RpcMetrics& metrics;
    const Clock& clock;
    Submit submit;
  };

  // Adds the methods to `service`, that of the model of definitions; there has to be one.
  FieldDefinitionService(Context context, RawService& service);

 private:
  struct Call;
  using CallPtr = std::shared_ptr<Call>;
  // What to do about what stands.
  struct Step {
    std::optional<Mutation> mutation;  // none: nothing, `answer` is the answer
    std::string answer;
  };
  // Reads a request into a call; the plans say what to do about what stands.
  using Read = absl::StatusOr<CallPtr> (FieldDefinitionService::*)(const grpc::ByteBuffer&) const;

  void Add(std::string_view verb, Read read, RawService& service);
  template <typename Request>
  absl::StatusOr<CallPtr> Begin(const Request& request, std::string_view trigger) const;
  absl::StatusOr<CallPtr> ReadCreate(const grpc::ByteBuffer& bytes) const;
  absl::StatusOr<CallPtr> ReadUpdate(const grpc::ByteBuffer& bytes) const;
  absl::StatusOr<CallPtr> ReadDelete(const grpc::ByteBuffer& bytes) const;
  Key KeyOf(std::string_view connector_id, std::string_view owner_id, std::string_view id) const;

  // One attempt. On the executor.
  void Try(const CallPtr& call) const;
  void Take(const CallPtr& call, const Mutation& mutation,
            const absl::StatusOr<Outcome>& outcome) const;
  void AnswerAsFirst(const CallPtr& call, Revision revision) const;

  const Context context_;
  const Model& model_;
  std::vector<LaterWork> works_;
};

}  // namespace tributary
