#pragma once

#include "absl/status/status.h"
#include "server/store/types.h"

namespace tributary {

// NOT_FOUND: RESOURCE_DELETED where its tombstone is known, else RESOURCE_NOT_FOUND.
absl::Status NotFound(const Key& key, const Record* tombstone);

}  // namespace tributary
