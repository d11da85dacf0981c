#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/command/arguments.h"
#include "client/model.h"
#include "client/resource_client.h"
#include "tributary/v1/server.pb.h"

namespace tributary::command {

// The flags that several verbs share.
std::vector<Flag> ServerFlags();
std::vector<Flag> ScopeFlags();
Flag OutputFlag(std::string_view formats);
Flag ViewFlag();
// What Get and List show, and of when: view, expand and at.
std::vector<Flag> ReadFlags();

std::vector<Flag> Concat(std::initializer_list<std::vector<Flag>> lists);

// What those flags ask for.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const Arguments& arguments);
absl::StatusOr<CallOptions> ReadCallOptions(const Arguments& arguments);
Scope ReadScope(const Arguments& arguments);
absl::StatusOr<v1::View> ReadView(const Arguments& arguments);
absl::StatusOr<ReadOptions> ReadReadOptions(const Arguments& arguments);

// The model that a word names; a usage error with the nearest name if there is none.
absl::StatusOr<const ResourceModel*> ReadModel(const std::string& word);
// What to say where no word names one.
absl::Status NoModelNamed();

// The models that the words after the verb name; none is all of them.
absl::StatusOr<std::vector<const ResourceModel*>> ReadModels(const Arguments& arguments);

// The client of the model that the first word after the verb names.
absl::StatusOr<ResourceClient> OpenClient(const Arguments& arguments);

// The watch of one model, or the feed of several or all.
std::unique_ptr<ResourceClient::Watch> StartWatch(const std::shared_ptr<grpc::Channel>& channel,
                                                  const std::vector<const ResourceModel*>& models,
                                                  const Scope& scope, const WatchOptions& options);

// What the server says of itself.
absl::StatusOr<v1::GetServerInfoResponse> AskServer(const std::shared_ptr<grpc::Channel>& channel,
                                                    const CallOptions& options);

}  // namespace tributary::command
