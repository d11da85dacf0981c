#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/store/types.h"
#include "tributary/ingest/v1/delivery.pb.h"

namespace tributary {

ingest::v1::Verdict ToMessage(Verdict verdict);
ingest::v1::Delivery ToMessage(const DeliveryRecord& record);

// A filter over the fields of tributary.ingest.v1.Delivery; null if it is empty. INVALID_ARGUMENT,
// FILTER_INVALID.
absl::StatusOr<std::shared_ptr<const DeliveryFilter>> CompileDeliveryFilter(std::string_view text);

}  // namespace tributary
