#include "server/store/types.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/strings.h"

namespace tributary {

bool Selection::Covers(const Key& key) const {
  return (connector_id.empty() || connector_id == key.connector_id) &&
         (owner_id.empty() || owner_id == key.owner_id) &&
         (models.empty() || std::find(models.begin(), models.end(), key.model) != models.end());
}

size_t Record::Bytes() const {
  return state.size() + raw.size() + key.model.size() + key.connector_id.size() +
         key.owner_id.size() + key.id.size();
}

size_t Change::Bytes() const {
  const auto of_key = [](const Key& k) {
    return k.model.size() + k.connector_id.size() + k.owner_id.size() + k.id.size();
  };
  size_t bytes = sizeof(Change) + of_key(key) + state.size() + raw.size() + changed_fields.size();
  if (before != nullptr) {
    bytes += sizeof(Record) + of_key(before->key) + before->state.size() + before->raw.size();
  }
  return bytes;
}

std::string DeliveryId(int64_t delivery) { return absl::StrCat(delivery); }

int64_t DeliveryOf(std::string_view id) {
  int64_t delivery = 0;
  return absl::SimpleAtoi(Absl(id), &delivery) && delivery > 0 && DeliveryId(delivery) == id
             ? delivery
             : 0;
}

}  // namespace tributary
