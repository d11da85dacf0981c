#include "server/serve/not_found.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/strings.h"

namespace tributary {

absl::Status NotFound(const Key& key, const Record* tombstone) {
  ErrorDetail detail;
  detail.reason = tombstone == nullptr ? reason::kResourceNotFound : reason::kResourceDeleted;
  if (tombstone != nullptr)
    detail.metadata.emplace_back("revision", absl::StrCat(tombstone->revision));
  detail.resource = {key.model, absl::StrCat(key.connector_id, "/", key.owner_id, "/", key.id)};
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat(key.model, " ", Clip(key.id),
                                tombstone == nullptr ? " not found" : " was deleted"),
                   std::move(detail));
}

}  // namespace tributary
