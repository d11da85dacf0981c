#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "server/filter/filter.h"
#include "server/model/model.h"
#include "server/model/resource_index.h"
#include "server/serve/request.h"
#include "server/store/store.h"

namespace tributary {

// How a List reads: which resources count, and by which index it comes to them.
struct ListPlan {
  std::shared_ptr<const Filter> filter;  // null: all count
  std::optional<IndexScan> index;        // none: all are looked at, in key order
};

// Compiles `filter` and `order_by` of a List. An order is read from its index, bounded by what the
// filter says of the same field; else a reference or another indexed field that the filter compares
// for equality leads to the few that may match.
//
// INVALID_ARGUMENT: FILTER_INVALID, or ARGUMENT_INVALID for an order by anything but one field that
// has an index.
absl::StatusOr<ListPlan> PlanList(const Model& model, const ResourceIndex& index,
                                  const Request& request);

}  // namespace tributary
