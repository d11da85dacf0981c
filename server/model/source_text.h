#pragma once

#include <string>
#include <string_view>

#include "google/protobuf/message.h"
#include "server/model/model.h"

namespace tributary {

// The body of the webhook that brings `resource`, a message of `model`, as WebhookDecoder reads it:
// what was stored from a body comes back from its own text as the same bytes. So a typed event goes
// the way of every webhook, with its rules and limits, and can be replayed from the ledger.
//
// Not in it are what the store gives (connector, owner, revision) and the resources in expanded
// references. Equal messages make equal texts. Thread-safe.
std::string WebhookText(const Model& model, const google::protobuf::Message& resource,
                        std::string_view trigger);

}  // namespace tributary
