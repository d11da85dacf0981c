#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/resource_client.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::command {

// The event on one line of a file that is imported: either what `tributary export` wrote, or the
// body of a webhook, beside whose `event` and `data` may stand `connectorId`, `ownerId` and
// `idempotencyKey`. Whose it is says `scope` where the line does not.
//
// INVALID_ARGUMENT, with what is wrong, of a line that cannot be sent. What is wrong inside a body
// is the server's to say.
absl::StatusOr<ingest::v1::Event> ReadImportLine(const std::string& line, const Scope& scope);

}  // namespace tributary::command
