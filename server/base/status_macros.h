#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The only macros of the project: leave the function with the status if it is not OK.
#define TRIBUTARY_RETURN_IF_ERROR(expression)                                   \
  do {                                                                          \
    if (absl::Status tributary_status = (expression); !tributary_status.ok()) { \
      return tributary_status;                                                  \
    }                                                                           \
  } while (false)

#define TRIBUTARY_CONCAT_INNER(a, b) a##b
#define TRIBUTARY_CONCAT(a, b) TRIBUTARY_CONCAT_INNER(a, b)

// TRIBUTARY_ASSIGN_OR_RETURN(auto record, store.Get(key));
#define TRIBUTARY_ASSIGN_OR_RETURN(lhs, expression)                                       \
  TRIBUTARY_ASSIGN_OR_RETURN_INNER(TRIBUTARY_CONCAT(tributary_status_or_, __LINE__), lhs, \
                                   expression)
#define TRIBUTARY_ASSIGN_OR_RETURN_INNER(result, lhs, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).status();            \
  lhs = std::move(result).value()
