#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/filter/predicate.h"
#include "server/filter/syntax.h"
#include "server/store/types.h"

namespace tributary::filter {

// A step from a message to a field of it; with `key`, to the value of that key in a map.
struct Edge {
  uint32_t number = 0;
  std::optional<std::string> key;
  bool operator==(const Edge&) const = default;
};

// Where a field is found, and what it is.
struct FieldPath {
  enum class Place : uint8_t { kState, kKey, kRevision };

  Place place = Place::kState;
  const std::string Key::*part = nullptr;  // kKey
  std::vector<Edge> edges;                 // kState
  FieldType type = FieldType::kMessage;
  const google::protobuf::FieldDescriptor* field = nullptr;
  bool in_list = false;       // it or what holds it is repeated
  bool plain = false;         // without presence: absent and empty are one
  std::string target_model;   // beyond a reference: `edges` lead there from the target's message,
  std::vector<Edge> through;  // and these to the reference
};

// What the message is whose fields a path begins with.
enum class Subject : uint8_t {
  kResource,  // the frame of a resource, and its `fields`
  kFeed,      // only what every resource has
  kMessage    // any message: its own fields
};

// What a path may name.
struct Scope {
  std::string_view filter;  // its text
  const google::protobuf::Descriptor& resource;
  bool steps = false;  // through references
  Subject subject = Subject::kResource;
};

// Finds what `path`, from its name `first` on, names: in the frame, else among `fields`.
// FILTER_INVALID if there is no such thing.
absl::StatusOr<FieldPath> Resolve(const Scope& scope, const std::vector<Name>& path, size_t first);

}  // namespace tributary::filter
