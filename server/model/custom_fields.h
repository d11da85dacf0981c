#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "server/store/types.h"

namespace tributary {

class JsonValue;

// A custom field of a resource, as sent.
struct SentField {
  std::string_view key;
  const JsonValue* value;
};

// The resources that share definitions of custom fields.
struct FieldScope {
  std::string_view model;
  std::string_view connector_id;
  std::string_view owner_id;
};

// What is known of custom fields, as the decoder asks for it. Thread-safe.
class CustomFieldRules {
 public:
  struct Contradiction {
    size_t index;           // of the field, in what was sent
    std::string_view rule;  // that its definition makes
  };
  struct Findings {
    std::vector<Contradiction> contradictions;
    std::vector<Mutation> definitions;  // what the values tell of their fields: to be committed
                                        // together with the resource
  };

  virtual ~CustomFieldRules() = default;

  // Of the custom fields of one resource that was read at `now_us`.
  virtual Findings Check(const FieldScope& scope, std::span<const SentField> sent,
                         int64_t now_us) = 0;
};

}  // namespace tributary
